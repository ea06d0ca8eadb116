-- Batches: images that came at once, of which each is a job of its own; and who is told of the end of jobs and batches.

-- The oldest batches that are done make room for a new one; those that have vanished go with them.
local function drop_old_batches(owner)
  local surplus = call('ZCARD', batches_key(owner)) - MOST_BATCHES + 1
  for _, batch in ipairs(call('ZRANGE', batches_key(owner), 0, -1)) do
    if surplus <= 0 then return end
    if call('EXISTS', left_key(batch)) == 0 then
      call('DEL', batch_key(batch))
      call('ZREM', batches_key(owner), batch)
      surplus = surplus - 1
    end
  end
end

-- Whether so many more jobs may wait, and be charged: a batch that would not fit is refused whole, before it is taken.
function commands.batch_room()
  drop_old_batches(a.owner)
  if call('ZCARD', batches_key(a.owner)) >= MOST_BATCHES then return refused('batches', MOST_BATCHES) end
  if call('ZCARD', waiting_in_key(a.queue)) + a.jobs > a.max_queued then return refused('full') end
  local most = a.max_queued_of_owner
  if most > 0 and call('ZCARD', waiting_of_key(a.kind, a.owner)) + a.jobs > most then return refused('owner-full', most) end
  if a.samples_per_day > 0 and charged_today(a.owner) + a.charge > a.samples_per_day then
    return refused('quota', math.ceil((today + 1) * DAY - wall), math.max(0, a.samples_per_day - charged_today(a.owner)))
  end
  return {'room'}
end

-- The batch that came under the same Idempotency-Key, if one did.
local function batch_before()
  local once = asked_once()
  if not once then return nil end
  return once.latest == a.latest and {'again', once.ticket} or {'other-request'}
end

function commands.batch_before() return batch_before() or {'none'} end

local function await(batch, ticket)
  local f = call('HMGET', ticket_key(ticket), 'job', 'canceled_at')
  if not f[1] or f[2] or not is_live(f[1]) then return end
  call('SADD', left_key(batch), ticket)
  call('SADD', batches_of_key(ticket), batch)
end

-- A batch whose images have all been taken or refused, with the tickets of those taken.
function commands.add_batch()
  local before = batch_before()
  if before then return before end
  drop_old_batches(a.owner)
  call('HSET', batch_key(a.batch), 'owner', a.owner, 'kind', a.kind, 'created_at', stamp(wall), 'webhook', a.webhook,
    'entries', a.entries, 'tickets', a.tickets, 'retention', a.retention)
  call('ZADD', batches_key(a.owner), stamp(wall), a.batch)
  note_once(a.batch)
  for _, ticket in ipairs(cjson.decode(a.tickets)) do await(a.batch, ticket) end
  if call('EXISTS', left_key(a.batch)) == 0 then end_batch(a.batch) end
  return {'batch', a.batch}
end

-- How it stands with what a ticket holds.
local function status_of(ticket)
  local f = call('HMGET', ticket_key(ticket), 'job', 'canceled_at')
  if not f[1] then return 'forgotten' end
  if f[2] then return 'canceled' end
  is_live(f[1])
  return call('HGET', job_key(f[1]), 'status') or 'forgotten'
end

-- A batch, and how it stands with each of its tickets.
local function seen_batch(batch)
  local statuses = {}
  for index, ticket in ipairs(cjson.decode(call('HGET', batch_key(batch), 'tickets') or '[]')) do
    statuses[index] = status_of(ticket)
  end
  local stored = call('HGETALL', batch_key(batch))
  return #stored > 0 and {batch, stored, statuses} or {}
end

local function is_own_batch() return call('HGET', batch_key(a.batch), 'owner') == a.owner end

function commands.batch() return is_own_batch() and seen_batch(a.batch) or {} end

-- Ends all jobs of a batch for its owner.
function commands.let_go_batch()
  if not is_own_batch() then return {} end
  for _, ticket in ipairs(cjson.decode(call('HGET', batch_key(a.batch), 'tickets'))) do
    if call('EXISTS', ticket_key(ticket)) == 1 then let_go(ticket) end
  end
  return seen_batch(a.batch)
end

function commands.batches() return latest_of(batches_key(a.owner), a.limit) end

-- Tickets and batches whose owners are to be told of their end; nobody else is given them for a while.
function commands.take_deliveries()
  local due = call('ZRANGE', DELIVERIES, '-inf', stamp(now), 'BYSCORE', 'LIMIT', 0, a.limit)
  for _, name in ipairs(due) do call('ZADD', DELIVERIES, 'XX', stamp(now + a.seconds), name) end
  return due
end

function commands.delivery() return seen(a.ticket) end

function commands.batch_delivery() return seen_batch(a.batch) end

local function delivered_key(name)
  local batch = string.match(name, '^batch%-(.*)$')
  return batch and batch_key(batch) or ticket_key(name)
end

-- What became of telling. The next attempt is due in so many seconds; none is when it is negative.
function commands.note_delivery()
  count('deliveries:' .. a.what)
  local key = delivered_key(a.name)
  if a.seconds < 0 or call('EXISTS', key) == 0 then return call('ZREM', DELIVERIES, a.name) end
  call('ZADD', DELIVERIES, 'XX', stamp(now + a.seconds), a.name)
  return call('HINCRBY', key, 'deliveries', 1)
end

-- Nothing was tried: it is due later, or is somebody else's.
function commands.postpone_delivery() call('ZADD', DELIVERIES, 'XX', stamp(now + a.seconds), a.name) end

-- An address wants to be told nothing more, by this owner and for a while.
function commands.note_gone() call('SET', gone_key(a.owner, a.digest), 1, 'EX', a.seconds) end

function commands.is_gone() return call('EXISTS', gone_key(a.owner, a.digest)) end
