"""The wire, without I/O: one module per gateway. A request becomes an HTTP request, an HTTP answer becomes a job."""
