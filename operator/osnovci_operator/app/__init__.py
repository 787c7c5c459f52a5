"""OsnovciApp: a web application's pods, rolled out, scaled, and kept within their database."""
