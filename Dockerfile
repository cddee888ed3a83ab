# An Airflow image with the provider, its DAGs and the calendar. The base image brings Airflow as locked.
FROM apache/airflow:3.3.2-python3.12
COPY --chown=airflow:root pyproject.toml README.md LICENSE constraints.txt /opt/airflow/provider/
COPY --chown=airflow:root plugins /opt/airflow/provider/plugins
COPY --chown=airflow:root include /opt/airflow/provider/include
RUN pip install --no-cache-dir -c /opt/airflow/provider/constraints.txt "/opt/airflow/provider[postgres]"
COPY --chown=airflow:root dags /opt/airflow/dags
COPY --chown=airflow:root include/calendar /opt/airflow/include/calendar
