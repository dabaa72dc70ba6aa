"""``airflow orux ledger``: the records of paid submissions, one or many."""
