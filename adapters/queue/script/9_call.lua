-- The two functions of the library. A server that is out of memory or disk, or is a replica, refuses the first as a whole;
-- the second answers there to what changes nothing, and fails at the first change.

local function run(arguments, reads)
  call, is_reading = redis.call, reads
  a = cjson.decode(arguments[2])
  read_clock()
  return commands[arguments[1]]()
end

redis.register_function(LIBRARY, function(_, arguments) return run(arguments, false) end)

redis.register_function{
  function_name = LIBRARY .. '_reading',
  callback = function(_, arguments) return run(arguments, true) end,
  flags = {'no-writes'},
}
