"""Fuzzers: seeded damage to every kind of file that strangers give this program.

``target`` says what a fuzzer is, ``mutation`` damages bytes and ``json_mutation`` documents,
``fields`` finds the numbers that formats hang on, ``worker`` runs cases in a process of its own,
and ``runner`` keeps those that break the property. A module for each kind of file holds the rest.
``test_fuzz`` runs a fixed number of cases of each; ``make fuzz MINUTES=60`` runs as many as there
is time for, and leaves what it finds in ``corpus/``, where it is a test from then on.
"""
