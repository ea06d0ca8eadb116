-- Lanes: a queue's jobs wait, each owner's in a lane of its own, and the owners take turns. Each of these commands costs as
-- much as ever, up to a logarithm, however many wait.

-- A library may have so many local names and no more: these are in a table.
local lanes = {}
local MOST_LOOKED_AT = 100

-- To the end of a lane or of the turns.
function lanes.append(key, member)
  local last = call('ZRANGE', key, -1, -1, 'WITHSCORES')[2]
  call('ZADD', key, string.format('%.0f', tonumber(last or 0) + 1), member)
end

function lanes.join(queue, owner, id)
  if call('EXISTS', line_key(queue, owner)) == 0 then lanes.append(turns_key(queue), owner) end
  lanes.append(line_key(queue, owner), id)
end

-- Earlier releases had their lanes as lists, which are read through to take a job away: these are taken over, once.
function lanes.take_over(queue)
  if is_reading or call('EXISTS', rotation_key(queue)) == 0 then return end
  for _, owner in ipairs(call('LRANGE', rotation_key(queue), 0, -1)) do
    for _, id in ipairs(call('LRANGE', lane_key(queue, owner), 0, -1)) do lanes.join(queue, owner, id) end
    call('DEL', lane_key(queue, owner))
  end
  call('DEL', rotation_key(queue))
end

-- A job waits in its owner's lane until it is its turn.
function lanes.up(id)
  local f = call('HMGET', job_key(id), 'queue', 'owner')
  lanes.take_over(f[1])
  lanes.join(f[1], f[2], id)
  wake(f[1])
end

-- Takes a job out of its lane; false when it was in none.
function lanes.leave(id, queue, owner)
  if not owner then return false end
  lanes.take_over(queue)
  if call('ZREM', line_key(queue, owner), id) == 0 then return false end
  if call('EXISTS', line_key(queue, owner)) == 0 then call('ZREM', turns_key(queue), owner) end
  return true
end

-- The next job of a queue, each owner's in turn; false when none waits.
function lanes.next(queue)
  lanes.take_over(queue)
  local owner = call('ZRANGE', turns_key(queue), 0, 0)[1]
  if not owner then return false end
  local line = line_key(queue, owner)
  local id = call('ZRANGE', line, 0, 0)[1]
  if id then call('ZREM', line, id) end
  call('ZREM', turns_key(queue), owner)
  if call('EXISTS', line) == 1 then lanes.append(turns_key(queue), owner) end
  return id or ''
end

-- How many stand before a member; false when it is none.
function lanes.place_in(key, member)
  local score = call('ZSCORE', key, member)
  return score and call('ZCOUNT', key, '-inf', '(' .. score)
end

-- How many jobs of others begin before the `own` first ones of an owner, and one more if they come before it in turn. Of
-- very many owners some are looked at, and the others taken to have as many.
function lanes.of_others(queue, owner, own, turn)
  local found, looked_at = 0, 0
  for place, other in ipairs(call('ZRANGE', turns_key(queue), 0, MOST_LOOKED_AT - 1)) do
    if other ~= owner then
      looked_at = looked_at + 1
      found = found + math.min(call('ZCARD', line_key(queue, other)), place <= turn and own + 1 or own)
    end
  end
  if looked_at == 0 then return 0 end
  return math.floor(found * (call('ZCARD', turns_key(queue)) - 1) / looked_at)
end

-- How many jobs of its queue begin before a job that waits, if nothing comes: the owners take turns, one job each.
function lanes.ahead_of(id)
  local f = call('HMGET', job_key(id), 'queue', 'owner')
  if not f[2] then return false end
  lanes.take_over(f[1])
  local own = lanes.place_in(line_key(f[1], f[2]), id)
  if not own then return false end
  local turn = lanes.place_in(turns_key(f[1]), f[2]) or 0
  return own == 0 and turn or own + lanes.of_others(f[1], f[2], own, turn)
end
