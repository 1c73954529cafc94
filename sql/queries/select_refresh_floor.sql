-- NULL where no raw row is left: there is nothing that a refresh could be made from.
SELECT nullif(internal.refresh_floor(%s), 'infinity')
