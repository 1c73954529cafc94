-- Other databases of this cluster may rely on the limits of its roles: they stay, as the roles do.
NOTIFY pgrst, 'reload config';
