-- TimescaleDB does not notice changes of a joined table, so late tags need force.
CALL public.refresh_continuous_aggregate(%s, %s, %s, force => true)
