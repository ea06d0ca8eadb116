-- Owners: what they hold, what they are charged, and what is kept for them.

local function day_key(owner) return usage_key(owner, today) end

local function charged_today(owner) return tonumber(call('HGET', day_key(owner), 'samples') or 0) end

local function charge(owner, samples, kind)
  call('HINCRBY', day_key(owner), 'samples', samples)
  call('HINCRBY', day_key(owner), kind, 1)
  call('EXPIRE', day_key(owner), USAGE_DAYS * DAY)
end

-- Give back what a ticket was charged beyond what was used, on the day on which it was charged.
local function settle(ticket, used)
  local f = call('HMGET', ticket_key(ticket), 'owner', 'charged', 'day')
  if not f[2] then return end
  local back = tonumber(f[2]) - math.min(tonumber(f[2]), used)
  local key = usage_key(f[1], f[3])
  if back > 0 and call('EXISTS', key) == 1 then call('HINCRBY', key, 'samples', -back) end
  call('HSET', ticket_key(ticket), 'charged', math.min(tonumber(f[2]), used))
end

-- An image is kept at least until then, for all and for one owner.
local function keep_image(image, owner, time)
  if not image or image == '' then return end
  call('ZADD', IMAGES, 'GT', stamp(time), image)
  if owner then
    call('ZADD', images_of_key(owner), 'GT', stamp(time), image)
    call('SADD', owners_of_key(image), owner)
  end
end

local function drop_old_images(owner)
  if not is_reading then call('ZREMRANGEBYSCORE', images_of_key(owner), '-inf', stamp(now)) end
end

-- Tickets whose time is over vanish by themselves; their mention in the lists goes with later ones.
local function drop_old_mentions(owner)
  for _, ticket in ipairs(call('ZRANGE', owned_key(owner), 0, 1)) do
    if call('EXISTS', ticket_key(ticket)) == 0 then call('ZREM', owned_key(owner), ticket) end
  end
  call('ZREMRANGEBYRANK', owned_key(owner), 0, -MOST_OWNED - 1)
end

local function note_about(owner, image, ticket)
  if not image or image == '' then return end
  local key = tickets_about_key(owner, image)
  for _, old in ipairs(call('SRANDMEMBER', key, 2)) do
    if call('EXISTS', ticket_key(old)) == 0 then call('SREM', key, old) end
  end
  call('SADD', key, ticket)
end

-- The list of an owner's tickets lives as long as they do: it goes with the last of them.
local function keep_list(owner, seconds)
  if call('TTL', owned_key(owner)) < seconds then call('EXPIRE', owned_key(owner), math.ceil(seconds)) end
end

-- One owner's hold on a job.
local function hold(ticket, id, charged)
  call('HSET', ticket_key(ticket), 'owner', a.owner, 'job', id, 'created_at', stamp(wall), 'charged', charged,
    'day', today, 'latest', a.latest, 'image', a.image, 'webhook', a.webhook)
  call('HSET', tickets_key(id), a.owner, ticket)
  call('SET', latest_of_key(a.owner, a.latest), ticket)
  call('ZADD', owned_key(a.owner), stamp(wall), ticket)
  drop_old_mentions(a.owner)
  drop_old_images(a.owner)
  keep_list(a.owner, a.queue_seconds + a.retention)
  note_about(a.owner, a.image, ticket)
  keep_image(a.image, a.owner, now + a.queue_seconds + a.retention)
end

local function expire_ticket(ticket, seconds)
  local f = call('HMGET', ticket_key(ticket), 'owner', 'latest')
  call('EXPIRE', ticket_key(ticket), seconds)
  if f[1] then keep_list(f[1], tonumber(seconds)) end
  if f[1] and call('GET', latest_of_key(f[1], f[2])) == ticket then call('EXPIRE', latest_of_key(f[1], f[2]), seconds) end
end

-- A batch is done, and is kept from here on as long as a job.
local function end_batch(batch)
  local f = call('HMGET', batch_key(batch), 'webhook', 'retention')
  if not f[2] then return end
  call('HSET', batch_key(batch), 'ended_at', stamp(wall))
  call('EXPIRE', batch_key(batch), f[2])
  if f[1] ~= '' then call('ZADD', DELIVERIES, stamp(now), 'batch-' .. batch) end
end

-- A ticket has come to its end for its owner: no batch waits for it any more.
local function leave_batches(ticket)
  for _, batch in ipairs(call('SMEMBERS', batches_of_key(ticket))) do
    call('SREM', left_key(batch), ticket)
    if call('EXISTS', left_key(batch)) == 0 then end_batch(batch) end
  end
  call('DEL', batches_of_key(ticket))
end

-- What follows for everybody who holds a job once it has ended.
local function settle_tickets(id, used, retention)
  local image = call('HGET', job_key(id), 'image')
  local held_by = call('HGETALL', tickets_key(id))
  for index = 1, #held_by, 2 do
    local owner, ticket = held_by[index], held_by[index + 1]
    settle(ticket, used)
    keep_image(image, owner, now + retention)
    if (call('HGET', ticket_key(ticket), 'webhook') or '') ~= '' then call('ZADD', DELIVERIES, stamp(now), ticket) end
    expire_ticket(ticket, retention)
    leave_batches(ticket)
  end
end

local function owners_of(id) return call('HKEYS', tickets_key(id)) end
