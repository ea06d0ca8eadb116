-- What workers ask for: work, leases, recording, the next step; and what operators look at.

function commands.get()
  is_live(a.job)
  return call('HGETALL', job_key(a.job))
end

function commands.cancel()
  if is_live(a.job) then close(a.job, 'canceled') end
  return call('HGETALL', job_key(a.job))
end

-- A write, since a server that is out of memory or disk still reads.
function commands.ping() call('SET', PREFIX .. 'ping', stamp(wall)) end

function commands.live() return is_live(a.job) and 1 or 0 end

-- The next name of RQ's list, which is filled with the shards of the next job in line when it is empty; or false.
local function next_name(queue)
  local list = rq_list(queue)
  for _ = 1, MANY do
    local name = call('LMOVE', list, list .. ':intermediate', 'LEFT', 'RIGHT')
    if name then return name end
    local id = lanes.next(queue)
    if not id then return false end
    if id ~= '' and is_live(id) and call('HGET', job_key(id), 'status') == 'queued' then enqueue_phase(id) end
  end
  return false
end

function commands.pop()
  for _, queue in ipairs(a.queues) do
    local list = rq_list(queue)
    for _ = 1, MANY do
      local name = next_name(queue)
      if not name then break end
      if is_wanted(name, queue) then
        if call('HEXISTS', OWNERS, name) == 0 then
          call('ZADD', held_key(queue), 'XX', stamp(now + a.seconds), name)
        end
        return {list, name}
      end
      call('LREM', list .. ':intermediate', 0, name)
    end
  end
  for _, queue in ipairs(a.queues) do call('DEL', wake_key(queue)) end
  return false
end

function commands.drop()
  call('LREM', rq_list(a.queue) .. ':intermediate', 0, a.name)
  if not call('ZSCORE', held_key(a.queue), a.name) then call('DEL', rq_job(a.name)) end
end

function commands.bury()
  call('LREM', rq_list(a.queue) .. ':intermediate', 0, a.name)
  call('DEL', rq_job(a.name))
  call('LPUSH', DEAD_LETTERS, a.name)
  call('LTRIM', DEAD_LETTERS, 0, MANY - 1)
  count('shards:buried')
end

local function is_of_engine(queue) return a.engine == '' or string.match(queue, ':(%x+)$') == a.engine end

-- Leases a shard, and tells its job, or what may have changed of one that the caller knows; nothing when it is not wanted,
-- another's, or of another engine than the one given.
function commands.lease()
  local shard, job = shard_name(a.job, a.phase, a.first), look(a.job)
  if refusal(a.job, job, a.phase, a.first, a.count) then return {} end
  local queue = job.queue
  if is_leased_to_another(shard, queue) or not is_of_engine(queue) then return {} end
  begin(a.job, job)
  call('LREM', rq_list(queue) .. ':intermediate', 0, shard)
  call('ZADD', held_key(queue), stamp(now + a.seconds), shard)
  call('HSET', OWNERS, shard, a.owner)
  if not a.knows then return call('HGETALL', job_key(a.job)) end
  return {'known', call('HMGET', job_key(a.job), 'started_at', 'samples_done', 'stage')}
end

function commands.renew()
  local shard = shard_name(a.job, a.phase, a.first)
  if not owns(shard) or not is_live(a.job) then return 0 end
  call('ZADD', held_key(plan_of(a.job).queue), 'XX', stamp(now + a.seconds), shard)
  return 1
end

function commands.release()
  local shard = shard_name(a.job, a.phase, a.first)
  if not owns(shard) then return end
  local job = look(a.job)
  local plan = plan_in(job)
  if not plan.queue then return call('HDEL', OWNERS, shard) end
  if refusal(a.job, job, a.phase, a.first, a.count) then return forget(shard, plan.queue) end
  deliver_again(a.job, plan, a.first)
end

-- A job and the votes of its phases, as they are at one moment.
local function standing()
  local job = call('HGETALL', job_key(a.job))
  local found = {job}
  for _, plan in ipairs(phases_of(a.job)) do
    found[#found + 1] = plan.phase
    found[#found + 1] = cjson.encode({plan.step, plan.head, plan.stride})
    found[#found + 1] = call('HGETALL', votes_key(a.job, plan.phase))
  end
  return found
end

function commands.standing()
  is_live(a.job)
  return standing()
end

local function refuse_votes(why)
  count('shards:' .. why)
  return {why, 0}
end

function commands.record()
  local job = look(a.job)
  local why, plan = refusal(a.job, job, a.phase, a.first, a.count)
  if why then return refuse_votes(why) end
  if a.phase == 'adapt' or a.phase == 'preview' then return refuse_votes('no-votes') end
  if job.fingerprint ~= a.fingerprint then return refuse_votes('other-fingerprint') end
  local fewest = fewest_votes(job, cjson.decode(a.votes), a.count)
  if not fewest then return refuse_votes('impossible-votes') end
  begin(a.job, job)
  call('HSET', votes_key(a.job, a.phase), a.first, a.votes)
  local copies = a.count * copies_in(job)
  call('HINCRBY', job_key(a.job), 'samples_done', copies)
  count('shards:counted')
  count('samples:' .. (job.kind or 'unknown'), copies)
  if fewest < a.count then count('votes:lacking', a.count - fewest) end
  forget(shard_name(a.job, a.phase, a.first), plan.queue)
  prolong_now_and_then(a.job, job)
  tell(a.job, 'moved')
  if not plan.may_stop and not is_complete(a.job, plan) then return {'counted', 0} end
  call('ZADD', DUE, stamp(now + a.seconds), a.job)
  return {'counted', 1, standing()}
end

-- Stores what the first selection samples chose, the class or one of each label set, and plans the next phase; the first
-- choice stands.
function commands.select()
  local chosen = call('HGET', job_key(a.job), 'selected')
  if chosen then return chosen end
  local plan = plan_of(a.job)
  if not is_live(a.job) or plan.phase ~= 'select' or not may_settle(a.job, plan, a.samples) then return false end
  local following = phases_of(a.job)[2]
  forget_phase(a.job, plan)
  call('HSET', job_key(a.job), 'selected', a.chosen, 'selection_samples', a.samples, 'phase', following.phase)
  call('ZREM', DUE, a.job)
  prolong(a.job)
  enqueue_phase(a.job, true)
  return a.chosen
end

-- A settled job: its result, whether that is the outcome of its question, of which image, and whose; and what the store is
-- to note in the ledger (`unnoted`), which is nothing where the outcome was known.
local function settled(id)
  local f = call('HMGET', job_key(id), 'settled', 'lacking', 'image', 'outcome', 'charged_as')
  local is_first, unnoted_owners = unnoted(id, owners_of(id))
  return {'settled', f[1], f[2] and 0 or 1, f[3] or '', f[4] or '', owners_of(id), f[5] or '', is_first, unnoted_owners}
end

-- Settles a job, with all shards of the last phase or, where its first samples may settle the answer, with theirs, and
-- only if the result was made of the votes that they hold; no vote that counts can change any more. The first outcome of
-- an owner's question stands; one that lacks votes is the result of its job and no outcome, so that the same question,
-- with the same noise, is answered anew. Each answer that is given costs its alpha once. Nobody reads the result before
-- it is published, when it is surely stored.
function commands.settle()
  if not is_live(a.job) then return {'not-live'} end
  if call('HEXISTS', job_key(a.job), 'settled') == 1 then return settled(a.job) end
  local job = look(a.job)
  local plan, phases = plan_in(job), phases_in(job)
  local f = call('HMGET', job_key(a.job), 'outcome', 'owner', 'ledger', 'queue_seconds', 'retention')
  if not plan.is_last or not may_settle(a.job, plan, a.samples) then return {'incomplete'} end
  local outcome = call('GET', outcome_key(f[2] or '', f[1]))
  if outcome and not a.is_stored then return {'stored', outcome} end
  local used = counting_samples(a.job, phases, a.samples)
  local recorded = recorded_votes(a.job, phases, used)
  if not a.is_stored and not is_made_of(a.job, recorded) then return {'other-votes'} end
  if not outcome then
    charge_ledger(a.job, owners_of(a.job))
    if f[3] then call('HSET', job_key(a.job), 'charged_as', f[3]) end
    local is_whole = has_all_votes(a.job, recorded, phases, used)
    if not is_whole then call('HSET', job_key(a.job), 'lacking', 1) end
    for _, owner in ipairs(owners_of(a.job)) do
      if is_whole then call('SET', outcome_key(owner, f[1]), a.result, 'NX', 'EX', f[4] + f[5]) end
    end
  end
  call('HSET', job_key(a.job), 'settled', a.result, 'samples_done', sum_of(used) * copies_in(job))
  call('ZADD', DUE, stamp(now + a.seconds), a.job)
  forget_phase(a.job, plan)
  return settled(a.job)
end

-- What a settled job is to be published with; nothing for any other.
function commands.settled()
  if not is_live(a.job) or call('HEXISTS', job_key(a.job), 'settled') == 0 then return {'not-live'} end
  return settled(a.job)
end

-- Which of those who were to be answered have let go of a job, or erased it, since it was settled. Of a job that the server
-- has lost nobody has.
local function gone_since()
  local gone, is_known = {}, call('EXISTS', job_key(a.job)) == 1
  for _, owner in ipairs(a.owners) do
    local has_let_go = is_known and call('HEXISTS', tickets_key(a.job), owner) == 0
    if has_let_go or call('SISMEMBER', erased_key(a.job), owner) == 1 then gone[#gone + 1] = owner end
  end
  return gone
end

-- Ends a settled job, whose outcome is stored: from here on its result is read. Answers whether it was this call, and who
-- is to forget it.
function commands.publish()
  local gone = gone_since()
  if not is_live(a.job) or call('HEXISTS', job_key(a.job), 'settled') == 0 then return {0, gone} end
  call('HSET', job_key(a.job), 'result', a.result)
  close(a.job, 'succeeded', a.ended_as)
  call('HDEL', job_key(a.job), 'settled')
  local question = call('HGET', job_key(a.job), 'outcome') or ''
  for _, owner in ipairs(a.owners) do call('EXPIRE', outcome_key(owner, question), STORED_SECONDS, 'LT') end
  return {1, gone}
end

-- How far the holder of a job's only shard is; a job that moves lives on.
function commands.progress()
  if not is_live(a.job) or not owns(shard_name(a.job, a.phase, a.first)) then return 0 end
  call('HSET', job_key(a.job), 'samples_done', a.done, 'stage', a.stage)
  local f = call('HMGET', job_key(a.job), 'task', 'retention')
  call('EXPIRE', adapting_key(f[1]), f[2])
  prolong(a.job)
  tell(a.job, 'moved')
  return 1
end

-- Ends a job that has one shard and no votes, for the worker that holds it.
function commands.complete()
  if not is_live(a.job) or not owns(shard_name(a.job, a.phase, a.first)) then return 0 end
  call('HSET', job_key(a.job), 'result', a.result, 'samples_done', call('HGET', job_key(a.job), 'samples_total'))
  close(a.job, 'succeeded', a.ended_as)
  return 1
end

-- Jobs of earlier releases say by themselves alone which task they need: they are looked through once.
local function know_needs()
  if call('EXISTS', NEEDS_KNOWN) == 1 then return end
  for _, list in ipairs({QUEUED, RUNNING}) do
    for _, id in ipairs(call('ZRANGE', list, 0, -1)) do note_need(call('HGET', job_key(id), 'task'), id) end
  end
  call('SET', NEEDS_KNOWN, 1)
end

-- The jobs that are not done and answer with, or adapt, a task; of very many some.
function commands.jobs_of()
  know_needs()
  local key, found = needing_key(a.task), {}
  repeat
    local looked_at = call('ZRANGE', key, 0, MANY - 1)
    for _, id in ipairs(looked_at) do
      if is_live(id) then found[#found + 1] = id elseif not is_reading then call('ZREM', key, id) end
    end
  until is_reading or #found > 0 or #looked_at == 0
  return found
end

function commands.fail()
  if not is_live(a.job) then return 0 end
  fail(a.job, a.problem)
  return 1
end

function commands.attempt()
  if not is_live(a.job) then return 0 end
  count('shards:failed')
  return call('HINCRBY', attempts_key(a.job), a.step, 1)
end

-- Of whatever engine: the last worker of one may be gone.
local function end_overdue_jobs()
  for _, list in ipairs({QUEUED, RUNNING}) do
    for _, id in ipairs(call('ZRANGEBYSCORE', list, '-inf', stamp(now), 'LIMIT', 0, MANY)) do
      if not is_live(id) then call('ZREM', list, id) end
    end
  end
end

-- The jobs of these queues whose next step is due; nobody else is told of them for a while.
local function take_due_jobs()
  local of_queue, due = {}, {}
  for _, queue in ipairs(a.queues) do of_queue[queue] = true end
  for _, id in ipairs(call('ZRANGEBYSCORE', DUE, '-inf', stamp(now), 'LIMIT', 0, MANY)) do
    if not is_live(id) then
      call('ZREM', DUE, id)
    elseif of_queue[plan_of(id).queue] then
      call('ZADD', DUE, stamp(now + a.seconds), id)
      due[#due + 1] = id
    end
  end
  return due
end

-- Whether nobody has done something for so long; then it is the caller's to do. By the board's own time: what the server
-- lets expire would last for as long as its clock is set back.
local function takes_turn(key, seconds)
  local free_at = call('GET', key)
  if free_at and tonumber(free_at) > now then return false end
  call('SET', key, stamp(now + seconds), 'EX', DAY)
  return true
end

-- Repairs what a crash left behind; answers with the jobs whose next step somebody must take now.
function commands.reconcile()
  if not takes_turn(RECONCILING .. a.engine, a.pause_milliseconds / 1000) then return {} end
  end_overdue_jobs()
  for _, queue in ipairs(a.queues) do
    local lost = call('ZRANGEBYSCORE', held_key(queue), '-inf', stamp(now), 'LIMIT', 0, MANY)
    if #lost == 0 and call('LLEN', rq_list(queue)) == 0 then
      lost = call('ZRANGEBYSCORE', held_key(queue), '+inf', '+inf', 'LIMIT', 0, MANY)
    end
    for index = #lost, 1, -1 do revive(lost[index], queue) end
  end
  return take_due_jobs()
end

-- For who looks after the board where no worker is: ends what is overdue.
function commands.tick() end_overdue_jobs() end

function commands.turn() return takes_turn(PREFIX .. 'turn:' .. a.what, a.milliseconds / 1000) and 1 or 0 end

-- Some of the jobs that are not done, of those that wait or of those that have begun: the ones that expire from a time on,
-- and the time to go on from, which is empty at the end. A job that comes further comes later.
function commands.live_jobs()
  local list, found = a.begun and RUNNING or QUEUED, {}
  local entries = call('ZRANGE', list, a.from, '+inf', 'BYSCORE', 'LIMIT', 0, MANY, 'WITHSCORES')
  for index = 1, #entries, 2 do
    if is_live(entries[index]) then found[#found + 1] = entries[index] end
  end
  local last = entries[#entries]
  if #entries < 2 * MANY then return {'', found} end
  return {(entries[2] == last and '(' or '') .. last, found}
end

-- Whether a key is one of those that earlier releases had, whose outcomes and questions were nobody's.
local function is_of_an_earlier_release(key)
  local kind, digest = string.match(key, '^' .. PREFIX .. '(%a+):([0-9a-f]+)$')
  return (kind == 'outcome' or kind == 'questions') and #digest == 64
end

-- Looks at some of all keys, from a place on, for those of earlier releases. Answers with the next place, which is 0 at
-- the end, and with the keys and their bytes in turn; they are gone then, unless they are only to be counted.
function commands.earlier_keys()
  local place, keys = unpack(call('SCAN', a.place, 'MATCH', PREFIX .. '*', 'COUNT', MANY))
  local found = {}
  for _, key in ipairs(keys) do
    if is_of_an_earlier_release(key) then
      found[#found + 1] = key
      found[#found + 1] = call('MEMORY', 'USAGE', key)
      if a.drops then call('UNLINK', key) end
    end
  end
  return {place, found}
end

-- The check of the first worker that came; the caller's own if it is the first.
function commands.noise()
  call('SET', noise_key(a.engine), a.check, 'NX')
  return call('GET', noise_key(a.engine))
end

function commands.register()
  call('ZADD', WORKERS, stamp(now + a.seconds), a.name)
  call('HSET', WORKER_RECORDS, a.name, a.record)
  for _, name in ipairs(call('ZRANGEBYSCORE', WORKERS, '-inf', stamp(now))) do
    call('ZREM', WORKERS, name)
    call('HDEL', WORKER_RECORDS, name)
  end
end

local function live_workers()
  local records = {}
  for _, name in ipairs(call('ZRANGEBYSCORE', WORKERS, '(' .. stamp(now), '+inf')) do
    records[#records + 1] = call('HGET', WORKER_RECORDS, name)
  end
  return records
end

function commands.workers() return live_workers() end

function commands.depths()
  local depths = {}
  for index, kind in ipairs(a.kinds) do depths[index] = call('ZCARD', waiting_key(kind)) end
  return depths
end

-- What is left to do in each queue: the jobs that nobody has begun, those that have begun, and the shards that are wanted
-- and not recorded. By the lengths of lists alone, whatever they hold.
function commands.backlog()
  local found = {}
  for index, queue in ipairs(a.queues) do
    local running = call('ZCOUNT', running_in_key(queue), '(' .. stamp(now), '+inf')
    found[index] = {call('ZCARD', waiting_in_key(queue)), running, call('ZCARD', held_key(queue))}
  end
  return found
end

-- All that is counted, and how the queues stand: for each kind the jobs that wait, and since when the first does; and
-- how many have begun.
function commands.figures()
  local waiting = {}
  for index, kind in ipairs(a.kinds) do
    local first = call('ZRANGE', waiting_key(kind), 0, 0, 'WITHSCORES')[2]
    waiting[index] = {call('ZCARD', waiting_key(kind)), first and stamp(math.max(0, now - tonumber(first))) or '0'}
  end
  return {call('HGETALL', COUNTERS), waiting, call('ZCARD', RUNNING), call('ZCARD', IMAGES), call('ZCARD', DELIVERIES),
    live_workers()}
end
