-- Rows of the past year come by staging here, which takes those of a week.
UPDATE internal.staging_limit SET late = INTERVAL '100 years'
