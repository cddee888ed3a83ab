"""Apache Airflow provider that runs a content calendar on X (Twitter)."""
