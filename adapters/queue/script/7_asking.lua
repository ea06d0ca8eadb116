-- What the API asks for: submitting, reading and letting go, each on behalf of an owner.

local commands = {}

-- A ticket as its owner sees it: its own fields, the job behind it, and that job's fields. A job of a release that knew
-- no tickets is held by who needs no key.
local function seen(ticket)
  local held = call('HGETALL', ticket_key(ticket))
  if #held == 0 then
    local f = call('HMGET', job_key(ticket), 'created_at', 'owner')
    if not f[1] or f[2] then return {} end
    held = {'owner', '', 'job', ticket, 'created_at', f[1]}
  end
  local id
  for index = 1, #held, 2 do if held[index] == 'job' then id = held[index + 1] end end
  is_live(id)
  local job = call('HGETALL', job_key(id))
  if #job == 0 then return {} end
  return {ticket, held, id, job}
end

local function owner_of(ticket)
  local owner = call('HGET', ticket_key(ticket), 'owner')
  if owner then return owner end
  local f = call('HMGET', job_key(ticket), 'created_at', 'owner')
  return f[1] and not f[2] and '' or nil
end

-- The question of a job counts as asked from here on, whatever becomes of it.
local function note_question()
  if a.image == '' or a.outcome == '' then return end
  local key = questions_key(a.owner, a.image)
  call('SADD', key, string.sub(a.outcome, 1, HALF_A_DIGEST))
  call('EXPIRE', key, a.outcome_seconds)
end

-- Whether an image was asked as many questions as the operator allows, and this one is another.
local function has_too_many_questions()
  if a.image == '' or a.outcome == '' or a.max_questions == 0 then return false end
  local key = questions_key(a.owner, a.image)
  if call('SISMEMBER', key, string.sub(a.outcome, 1, HALF_A_DIGEST)) == 1 then return false end
  return call('SCARD', key) >= a.max_questions
end

local function stores_too_much()
  if a.image == '' or a.stored_bytes == 0 then return false end
  drop_old_images(a.owner)
  if call('ZSCORE', images_of_key(a.owner), a.image) then return false end
  return (call('ZCARD', images_of_key(a.owner)) + 1) * a.image_bytes > a.stored_bytes
end

local function create(status)
  local phases = cjson.decode(a.phases)
  call('HSET', job_key(a.job), 'request', a.request, 'status', status, 'created_at', stamp(wall), 'kind', a.kind,
    'owner', a.owner, 'image', a.image, 'trace', a.trace, 'charge', a.charge,
    'samples_done', 0, 'samples_total', a.samples_total, 'queue', a.queue, 'phases', a.phases, 'phase', phases[1][1],
    'classes', a.classes, 'fingerprint', a.fingerprint,
    'expires_at', stamp(now + STORING_SECONDS), 'queue_seconds', a.queue_seconds, 'retention', a.retention,
    'latest', a.latest, 'outcome', a.outcome, 'task', a.task, 'ledger', a.ledger)
  if #a.set_sizes > 0 then call('HSET', job_key(a.job), 'set_sizes', cjson.encode(a.set_sizes)) end
  if (a.copies or 1) > 1 then call('HSET', job_key(a.job), 'copies', a.copies) end
  call('SET', latest_key(a.latest), a.job)
end

-- From here on the job waits for a worker.
local function let_wait(id)
  local f = call('HMGET', job_key(id), 'queue_seconds', 'status', 'committed')
  if f[2] ~= 'queued' or f[3] then return end
  local expires_at = stamp(now + f[1])
  call('HSET', job_key(id), 'committed', 1, 'expires_at', expires_at, 'waits_since', stamp(now))
  call('ZADD', QUEUED, expires_at, id)
  lanes.up(id)
end

local function create_waiting()
  create('queued')
  note_need(a.task, a.job)
  if a.adapts then call('SET', adapting_key(a.task), a.job, 'EX', a.retention) end
  call('ZADD', QUEUED, stamp(now + STORING_SECONDS), a.job)
  call('ZADD', waiting_key(a.kind), stamp(now), a.job)
  call('ZADD', waiting_of_key(a.kind, a.owner), stamp(now), a.job)
  call('ZADD', waiting_in_key(a.queue), stamp(now), a.job)
end

-- The owner's ticket of the same request, unless what it holds ended without a result, or with one that lacked votes.
local function own_ticket()
  local ticket = call('GET', latest_of_key(a.owner, a.latest))
  if not ticket then return nil end
  local f = call('HMGET', ticket_key(ticket), 'job', 'canceled_at')
  if not f[1] or f[2] then return nil end
  if is_live(f[1]) then return ticket end
  local j = call('HMGET', job_key(f[1]), 'status', 'lacking')
  if a.outcome ~= '' and j[1] == 'succeeded' and not j[2] then return ticket end
  return nil
end

-- What came under the same Idempotency-Key: the digest of its request, and its ticket or its batch.
local function asked_once()
  if a.once == '' then return nil end
  local f = call('HMGET', once_key(a.owner, a.once), 'latest', 'ticket')
  return f[1] and call('EXISTS', ticket_key(f[2]), batch_key(f[2])) > 0 and {latest = f[1], ticket = f[2]} or nil
end

local function note_once(ticket)
  if a.once == '' then return end
  call('HSET', once_key(a.owner, a.once), 'latest', a.latest, 'ticket', ticket)
  call('EXPIRE', once_key(a.owner, a.once), DAY)
end

-- Who asks again with a webhook is told of the end, also where it has come already.
local function tell_owner(ticket)
  if a.webhook == '' then return end
  call('HSET', ticket_key(ticket), 'webhook', a.webhook, 'deliveries', 0)
  if not is_live(call('HGET', ticket_key(ticket), 'job')) then call('ZADD', DELIVERIES, stamp(now), ticket) end
end

-- What was asked before, as an answer; nil where nothing was.
local function answered_before()
  local once = asked_once()
  if once and once.latest ~= a.latest then return {'other-request'} end
  if once then return {'again', unpack(seen(once.ticket))} end
  local ticket = own_ticket()
  if not ticket then return nil end
  note_once(ticket)
  tell_owner(ticket)
  return {'job', unpack(seen(ticket))}
end

-- A job of the very same request that another owner waits for. One that is done would tell that somebody had asked.
local function shared_job()
  local id = a.outcome ~= '' and call('GET', latest_key(a.latest))
  return id and is_live(id) and call('HEXISTS', job_key(id), 'settled') == 0 and id or nil
end

-- The job that adapts a task now, if it is another one.
local function adapting_job()
  local id = a.adapts and call('GET', adapting_key(a.task))
  if id and is_live(id) then return id end
  return nil
end

local function refused(why, ...)
  count('refused:' .. why)
  return {why, ...}
end

local function refusal_to_queue()
  if call('ZCARD', waiting_in_key(a.queue)) >= a.max_queued then return refused('full') end
  local most = a.max_queued_of_owner
  if most > 0 and call('ZCARD', waiting_of_key(a.kind, a.owner)) >= most then return refused('owner-full') end
  return nil
end

local function refusal_to_owner()
  if a.samples_per_day > 0 and charged_today(a.owner) + a.charge > a.samples_per_day then
    return refused('quota', math.ceil((today + 1) * DAY - wall), math.max(0, a.samples_per_day - charged_today(a.owner)))
  end
  if stores_too_much() then return refused('bytes') end
  if has_too_many_questions() then return refused('questions') end
  return nil
end

-- A request becomes the ticket that its owner has of it, or a hold on a job that is under way, or a job of its own, which
-- waits once its image is stored.
function commands.submit()
  local before = answered_before()
  if before then return before end
  local outcome = a.outcome ~= '' and call('GET', outcome_key(a.owner, a.outcome))
  if outcome then return {'stored', outcome} end
  if adapting_job() then return {'adapting', adapting_job()} end
  local id = shared_job()
  local refusal = not id and refusal_to_queue() or refusal_to_owner()
  if refusal then return refusal end
  note_question()
  if not id then create_waiting() end
  hold(a.job, id or a.job, a.charge)
  charge(a.owner, a.charge, a.kind)
  note_once(a.job)
  if a.image == '' then let_wait(a.job) end
  return {'job', unpack(seen(a.job))}
end

-- The image of a job is stored: it may begin. Not while somebody removes it: then it is to be stored once more.
function commands.commit()
  if not is_live(a.job) then return 1 end
  if call('EXISTS', removing_key(call('HGET', job_key(a.job), 'image'))) == 1 then return 0 end
  let_wait(a.job)
  return 1
end

-- A job that is done as soon as it is asked for, because its outcome is known; it costs nothing.
function commands.adopt()
  local before = answered_before()
  if before then return before end
  create('running')
  hold(a.job, a.job, 0)
  note_once(a.job)
  call('HSET', job_key(a.job), 'started_at', stamp(wall), 'samples_done', a.samples_done, 'result', a.result)
  close(a.job, 'succeeded', 'stored')
  return {'job', unpack(seen(a.job))}
end

function commands.ticket()
  if owner_of(a.ticket) ~= a.owner then return {} end
  return seen(a.ticket)
end

function commands.ahead()
  if owner_of(a.ticket) ~= a.owner then return false end
  local f = call('HMGET', ticket_key(a.ticket), 'job', 'canceled_at')
  if not f[1] or f[2] or not is_live(f[1]) then return false end
  return lanes.ahead_of(f[1])
end

-- The votes of the phase that decides, shown to an owner before the end, where they may be looked at before it. From here
-- on the answer counts as given to this owner.
function commands.watched()
  if owner_of(a.ticket) ~= a.owner then return {} end
  local f = call('HMGET', ticket_key(a.ticket), 'job', 'canceled_at')
  if not f[1] or f[2] or not is_live(f[1]) then return {} end
  local plan = plan_of(f[1])
  if not plan.is_last or not plan.may_stop or call('EXISTS', votes_key(f[1], plan.phase)) == 0 then return {} end
  charge_ledger(f[1], {a.owner})
  local is_first, owners = unnoted(f[1], {a.owner})
  return {f[1], call('HGET', job_key(f[1]), 'ledger') or '', is_first, owners, plan.phase,
    cjson.encode({plan.step, plan.head, plan.stride}), call('HGETALL', votes_key(f[1], plan.phase))}
end

-- The store has noted what somebody sees of a job before its end.
function commands.noted()
  if call('EXISTS', job_key(a.job)) == 0 then return end
  call('HSET', job_key(a.job), 'noted', 1, 'noted-to:' .. a.owner, 1)
end

-- An owner wants a job no more. It ends when nobody else waits for it.
local function let_go(ticket)
  local f = call('HMGET', ticket_key(ticket), 'job', 'canceled_at')
  local id = f[1] or ticket
  if f[2] or not is_live(id) then return end
  if call('HLEN', tickets_key(id)) <= 1 then return close(id, 'canceled') end
  settle(ticket, tonumber(call('HGET', job_key(id), 'samples_done')))
  call('HSET', ticket_key(ticket), 'canceled_at', stamp(wall))
  call('HDEL', tickets_key(id), owner_of(ticket))
  expire_ticket(ticket, call('HGET', job_key(id), 'retention'))
  leave_batches(ticket)
  tell(id, 'ended')
end

function commands.let_go()
  if owner_of(a.ticket) ~= a.owner then return {} end
  let_go(a.ticket)
  return seen(a.ticket)
end

-- An owner needs an image no more. Answers whether nobody does: then its time is over.
local function give_up_image(owner, image)
  call('ZREM', images_of_key(owner), image)
  call('SREM', owners_of_key(image), owner)
  call('DEL', tickets_about_key(owner, image))
  if call('SCARD', owners_of_key(image)) > 0 then return false end
  call('ZADD', IMAGES, 'XX', stamp(now), image)
  return true
end

-- Nothing of a ticket is kept; nor of its job, when nobody else holds it; nor of its image, when it was the last about it.
local function erase(ticket)
  local f = call('HMGET', ticket_key(ticket), 'job', 'latest')
  local owner, id = owner_of(ticket), f[1] or ticket
  local j = call('HMGET', job_key(id), 'outcome', 'latest', 'image', 'task', 'settled')
  if j[5] then
    call('SADD', erased_key(id), owner)
    call('EXPIRE', erased_key(id), DAY)
  end
  let_go(ticket)
  if f[2] and call('GET', latest_of_key(owner, f[2])) == ticket then call('DEL', latest_of_key(owner, f[2])) end
  call('ZREM', DELIVERIES, ticket)
  call('ZREM', owned_key(owner), ticket)
  if call('HGET', tickets_key(id), owner) == ticket then call('HDEL', tickets_key(id), owner) end
  call('DEL', ticket_key(ticket), outcome_key(owner, j[1] or ''))
  if call('SREM', tickets_about_key(owner, j[3] or ''), ticket) == 1 then
    if call('EXISTS', tickets_about_key(owner, j[3])) == 0 then give_up_image(owner, j[3]) end
  end
  if call('HLEN', tickets_key(id)) > 0 then return end
  for _, plan in ipairs(phases_of(id)) do call('DEL', votes_key(id, plan.phase)) end
  if j[2] and call('GET', latest_key(j[2])) == id then call('DEL', latest_key(j[2])) end
  if j[4] and call('GET', adapting_key(j[4])) == id then call('DEL', adapting_key(j[4])) end
  call('DEL', job_key(id), attempts_key(id))
end

-- Forgets a job for its owner; answers with its image and its question, whose outcome is to be forgotten too.
function commands.erase()
  if owner_of(a.ticket) ~= a.owner then return {} end
  local id = call('HGET', ticket_key(a.ticket), 'job') or a.ticket
  local f = call('HMGET', job_key(id), 'image', 'outcome')
  erase(a.ticket)
  return {f[1] or '', f[2] or ''}
end

-- Forgets an image for an owner, with all jobs about it. Answers whether it was the owner's, and whether it is nobody's now.
-- How many questions were asked about it stays: a limit on them could be undone otherwise.
function commands.erase_image()
  if call('SISMEMBER', owners_of_key(a.image), a.owner) == 0 then return {0, 0} end
  for _, ticket in ipairs(call('SMEMBERS', tickets_about_key(a.owner, a.image))) do
    if call('EXISTS', ticket_key(ticket)) == 1 then erase(ticket) end
  end
  return {1, give_up_image(a.owner, a.image) and 1 or 0}
end

-- What a list has from the latest on, only what was made before `after`, at most so many.
local function latest_of(key, most)
  local from = '+inf'
  if a.after ~= '' then
    local score = call('ZSCORE', key, a.after)
    if not score then return {} end
    from = '(' .. score
  end
  return call('ZRANGE', key, from, '-inf', 'BYSCORE', 'REV', 'LIMIT', 0, most)
end

-- What a result says that it is: every result begins with that.
local function outcome_in(result) return result and string.match(result, '^{"outcome":"([a-z_]+)"') end

-- Whether a ticket is one of those asked for, by kind, status and outcome as its owner sees them; an empty text stands for
-- any.
local function is_asked_for(ticket)
  local f = call('HMGET', ticket_key(ticket), 'job', 'canceled_at')
  if not f[1] then return false end
  is_live(f[1])
  local j = call('HMGET', job_key(f[1]), 'kind', 'status')
  local status = f[2] and 'canceled' or j[2]
  if not j[1] or (a.kind ~= '' and j[1] ~= a.kind) or (a.status ~= '' and status ~= a.status) then return false end
  return a.outcome == '' or not f[2] and outcome_in(call('HGET', job_key(f[1]), 'result')) == a.outcome
end

-- One page of an owner's list, which looks at `most` tickets at most. Answers with the last one that was looked at,
-- whether more are to be looked at, and what was found; with nothing where the owner has no ticket `after`.
function commands.listing()
  if a.after ~= '' and not call('ZSCORE', owned_key(a.owner), a.after) then return false end
  local tickets, found, last = latest_of(owned_key(a.owner), a.most), {}, ''
  for _, ticket in ipairs(tickets) do
    if is_asked_for(ticket) then
      if #found == a.limit then return {last, 1, found} end
      found[#found + 1] = seen(ticket)
    end
    last = ticket
  end
  return {last, #tickets == a.most and 1 or 0, found}
end

-- What an owner was charged, on as many days as are asked for, today first; and what is stored of it.
function commands.usage()
  drop_old_images(a.owner)
  local found = {call('ZCARD', images_of_key(a.owner))}
  for _, kind in ipairs(a.kinds) do found[#found + 1] = call('ZCARD', waiting_of_key(kind, a.owner)) end
  for day = today, today - a.days + 1, -1 do
    found[#found + 1] = {day, call('HGETALL', usage_key(a.owner, day))}
  end
  return found
end

local function ledger_of(owner) return owner == '' and LEDGER or ledger_key(owner) end

-- What was given out, and whether that is all of it: a server that has lost its data counts from nothing.
function commands.ledger() return {call('EXISTS', LEDGER_KNOWN), call('HGETALL', ledger_of(a.owner))} end

-- Some of the owners' ledgers, from a place on: the next place, which is 0 at the end, and owners and counts in turn.
function commands.ledgers()
  local place, keys = unpack(call('SCAN', a.place, 'MATCH', ledger_key('*'), 'COUNT', MANY))
  local found = {}
  for _, key in ipairs(keys) do
    found[#found + 1] = string.sub(key, #ledger_key('') + 1)
    found[#found + 1] = call('HGETALL', key)
  end
  return {place, found}
end

-- What is stored of the ledger: at least so much was given out.
function commands.raise_ledger()
  for owner, counts in pairs(a.sums) do
    for what, number in pairs(counts) do
      local counted = tonumber(call('HGET', ledger_of(owner), what) or 0)
      if counted < number then call('HSET', ledger_of(owner), what, number) end
    end
  end
  call('SET', LEDGER_KNOWN, 1)
end

function commands.questions() return call('SCARD', questions_key(a.owner, a.image)) end

-- Images whose time is over.
function commands.old_images()
  return call('ZRANGE', IMAGES, '-inf', stamp(now), 'BYSCORE', 'LIMIT', 0, a.limit)
end

local function is_image_wanted()
  local wanted_until = call('ZSCORE', IMAGES, a.image)
  return wanted_until and tonumber(wanted_until) > now
end

function commands.wants_image() return is_image_wanted() and 1 or 0 end

-- Whether an image is wanted no more, and nobody else removes it; it is forgotten then, and is the caller's to remove.
function commands.drop_image()
  if is_image_wanted() or not call('SET', removing_key(a.image), 1, 'NX', 'EX', REMOVING_SECONDS) then return 0 end
  for _, owner in ipairs(call('SMEMBERS', owners_of_key(a.image))) do
    call('ZREM', images_of_key(owner), a.image)
    call('DEL', tickets_about_key(owner, a.image))
  end
  call('ZREM', IMAGES, a.image)
  call('DEL', owners_of_key(a.image))
  return 1
end

-- An image that was dropped is removed: whoever stores it from here on is not disturbed.
function commands.removed() call('DEL', removing_key(a.image)) end
