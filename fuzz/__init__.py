"""Feed the readers what nobody meant to send, for as long as one likes; `make fuzz`."""
