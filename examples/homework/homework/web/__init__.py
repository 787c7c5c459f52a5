"""The homework platform's web application: `osnovci serve homework.web.app:app`."""
