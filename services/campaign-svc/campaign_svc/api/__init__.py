"""The calls of campaign-svc, one module for each noun."""
