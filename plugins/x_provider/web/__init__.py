"""What Airflow's API server shows of this provider: pages and the routes behind them."""
