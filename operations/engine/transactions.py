"""What a database must forget that came from another server by dump and restore."""

# Numbers of transactions mean nothing on another server, where they come again (crm migrations 0007, 0008, reps 0003).
FORGET_TRANSACTIONS = """
DELETE FROM crm_accountchange;
UPDATE crm_dictionarystamp SET version = 0;
UPDATE reps_rosterstamp SET version = 0;
"""
