return commands[ARGV[1]]()
