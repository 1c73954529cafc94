-- PostgreSQL alone runs no policies: what refreshes here is Dagster, or a person.
SELECT 1;
