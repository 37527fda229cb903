"""What `countersign doctor` and the console look at alike: checks that ask the database alone."""
