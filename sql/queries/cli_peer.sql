-- The other end of the connection as PostgreSQL sees it; null where that is a socket of this machine.
select inet_client_port() as port
