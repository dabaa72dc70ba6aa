"""The wire, pure: one module a gateway. A request becomes an HTTP request, an HTTP answer becomes a job."""
