-- The board's time, in seconds. The server has no clock but that of the day, which a suspended laptop, an operator or a
-- time service may move; leases and expiry must not move with it. So the board has a time of its own:
--
-- 1. It goes on as the server's clock does, from one command to the next; while anything lives, commands come every second.
-- 2. A step of over LONGEST_STEP is a jump of the clock, or nobody was there to work: it counts as LONGEST_STEP.
-- 3. A step backward counts as none.
--
-- `wall` is the time of day, for people to read.

local LONGEST_STEP, WRITTEN_EACH = 20, 1
local wall, now, today

local function board_time()
  local f = call('HMGET', CLOCK, 'wall', 'board')
  if not f[1] then
    if not is_reading then call('HSET', CLOCK, 'wall', stamp(wall), 'board', stamp(wall)) end
    return wall
  end
  local step = wall - tonumber(f[1])
  local time = tonumber(f[2]) + math.max(0, math.min(step, LONGEST_STEP))
  if not is_reading and (step >= WRITTEN_EACH or step < 0) then
    call('HSET', CLOCK, 'wall', stamp(wall), 'board', stamp(time))
  end
  return time
end

local function read_clock()
  local clock = call('TIME')
  wall = tonumber(clock[1]) + tonumber(clock[2]) / 1e6
  now = board_time()
  today = math.floor(wall / DAY)
end

-- How long something took, for the distributions that operators watch: the number of those that took at most so long.
local BUCKETS = {0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800}

local function observe(what, seconds)
  local bucket = '+Inf'
  for index = #BUCKETS, 1, -1 do
    if seconds <= BUCKETS[index] then bucket = tostring(BUCKETS[index]) end
  end
  count(what .. ':' .. bucket)
  call('HINCRBYFLOAT', COUNTERS, what .. ':sum', stamp(math.max(0, seconds)))
end
