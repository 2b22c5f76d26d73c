"""The web server: the app is composed here, guarded and served."""
