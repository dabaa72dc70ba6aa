"""The web server: the application, the middleware that logs and applies faults, control routes, files, start page."""
