"""The main job on one machine: a calendar goes out from a real Airflow to a local X."""
