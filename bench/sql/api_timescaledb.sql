-- Chunks keep their indexes; the roll-ups are refreshed by their own procedure.
CREATE PROCEDURE bench.loosen() LANGUAGE sql AS 'SELECT 1';
CREATE PROCEDURE bench.tighten() LANGUAGE sql AS 'SELECT 1';
