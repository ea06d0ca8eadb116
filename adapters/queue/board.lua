-- The job board on the queue server: one command a call, and every command is atomic.
--
-- ARGV[1] is the command, ARGV[2] its arguments as JSON. All times are seconds by the server's clock. The names of the
-- service's keys are written here and nowhere else; each begins with "robustify:".
--
--   job:ID           hash    a job's request, plan, state, result and error
--   votes:ID:PHASE   hash    first sample of a shard -> its votes as JSON; each field is written once
--   attempts:ID      hash    step -> deliveries of it that failed
--   held:QUEUE       zset    every shard that is wanted and not recorded -> +inf while it waits in RQ's list, or else the
--                            time until which its worker may be silent
--   owners           hash    shard -> the worker that has its lease
--   queued           zset    job that nobody has begun -> the time at which it expires
--   running          zset    job that has begun -> the time at which it expires unless votes come
--   due              zset    job whose phase is complete, or whose votes may be enough -> the time from which anybody may
--                            take its next step
--   adapting:TASK    string  task -> the latest job that adapts it
--   latest:DIGEST    string  request -> the latest job that has it
--   outcome:DIGEST   string  question -> its result, for ever
--   ledger           hash    KIND:ALPHA -> answers of this kind that were given out, each with this chance of error
--   questions:IMAGE  set     the questions that were asked about an image, by the first half of their digests
--   noise-key:ENGINE string  what the noise key of the workers of an engine is checked by
--   workers          zset    worker -> the time until which it counts as live
--   worker-records   hash    worker -> what it says of itself
--   dead-letters     list    RQ jobs that were refused, the latest first
--   ping             string  when a server was last found to take writes
--
-- A shard is named JOB-PHASE-FIRST, and so is the RQ job that carries it. A queue is named KIND:ENGINE: a worker knows the
-- queues of its own engine only.

local PREFIX = 'robustify:'
local OWNERS, DUE = PREFIX .. 'owners', PREFIX .. 'due'
local QUEUED, RUNNING = PREFIX .. 'queued', PREFIX .. 'running'
local WORKERS, WORKER_RECORDS = PREFIX .. 'workers', PREFIX .. 'worker-records'
local LEDGER = PREFIX .. 'ledger'
local DEAD_LETTERS, RECONCILING = PREFIX .. 'dead-letters', PREFIX .. 'reconciling:'
local MANY, HALF_A_DIGEST = 1000, 32

local call = redis.call
local a = cjson.decode(ARGV[2])
local clock = call('TIME')
local now = tonumber(clock[1]) + tonumber(clock[2]) / 1e6

local function stamp(time) return string.format('%.6f', time) end
local function job_key(id) return PREFIX .. 'job:' .. id end
local function votes_key(id, phase) return PREFIX .. 'votes:' .. id .. ':' .. phase end
local function attempts_key(id) return PREFIX .. 'attempts:' .. id end
local function held_key(queue) return PREFIX .. 'held:' .. queue end
local function adapting_key(task) return PREFIX .. 'adapting:' .. task end
local function latest_key(digest) return PREFIX .. 'latest:' .. digest end
local function outcome_key(digest) return PREFIX .. 'outcome:' .. digest end
local function questions_key(image) return PREFIX .. 'questions:' .. image end
local function noise_key(engine) return PREFIX .. 'noise-key:' .. engine end
local function rq_list(queue) return a.rq .. ':queue:' .. queue end
local function rq_job(shard) return a.rq .. ':job:' .. shard end
local function shard_name(id, phase, first) return string.format('%s-%s-%d', id, phase, first) end

local function parse(shard)
  local id, phase, first = string.match(shard, '^([0-9a-z]+)%-([a-z]+)%-(%d+)$')
  return id, phase, tonumber(first)
end

-- A phase as it is planned: samples 0 .. samples - 1, cut into shards of `step` samples up to `head`, which is a multiple
-- of it, and of `stride` from there on. `may_stop`: its first shards may settle what it is for.
local function phase_of(entry, whole)
  return {phase = entry[1], samples = entry[2], step = entry[3] or whole, head = entry[4] or 0,
    stride = entry[5] or whole, may_stop = entry[6] == 1}
end

-- All phases of a job. One that an earlier release submitted has shards of one size.
local function phases_of(id)
  local f = call('HMGET', job_key(id), 'phases', 'shard_samples')
  local phases = {}
  for number, entry in ipairs(f[1] and cjson.decode(f[1]) or {}) do phases[number] = phase_of(entry, tonumber(f[2])) end
  return phases
end

-- The phase that a job is in, with its queue; `is_last` of the one that decides.
local function plan_of(id)
  local f = call('HMGET', job_key(id), 'queue', 'phase')
  local phases = phases_of(id)
  for number, plan in ipairs(phases) do
    if plan.phase == f[2] then
      plan.queue, plan.is_last = f[1], number == #phases
      return plan
    end
  end
  return {}
end

local function size_at(plan, first) return first < plan.head and plan.step or plan.stride end
local function count_of(plan, first) return math.min(size_at(plan, first), plan.samples - first) end

-- The first samples of the shards of a phase, up to so many samples.
local function starts(plan, samples)
  local found, first = {}, 0
  while first < samples do
    found[#found + 1] = first
    first = first + size_at(plan, first)
  end
  return found
end

local function is_start(plan, first)
  if first < 0 or first >= plan.samples then return false end
  if first < plan.head then return first % plan.step == 0 end
  return (first - plan.head) % plan.stride == 0
end

local function shards_of(plan)
  local head = math.min(plan.head, plan.samples)
  return math.ceil(head / plan.step) + math.ceil((plan.samples - head) / plan.stride)
end

local function is_complete(id, plan) return call('HLEN', votes_key(id, plan.phase)) == shards_of(plan) end

-- Forget a shard's delivery. A mention left in RQ's list is dropped when it is popped.
local function forget(shard, queue)
  call('ZREM', held_key(queue), shard)
  call('HDEL', OWNERS, shard)
  call('DEL', rq_job(shard))
  call('LREM', rq_list(queue) .. ':intermediate', 0, shard)
end

local function enqueue(id, plan, first, front)
  local shard = shard_name(id, plan.phase, first)
  forget(shard, plan.queue)
  local data = cjson.encode({a.shard_function, cjson.null, {id, plan.phase, first, count_of(plan, first)}, {}})
  call('HSET', rq_job(shard), 'data', data, 'origin', plan.queue, 'status', 'queued', 'description', shard,
    'timeout', -1, 'result_ttl', 0, 'failure_ttl', 60)
  call('SADD', a.rq .. ':queues', rq_list(plan.queue))
  call(front and 'LPUSH' or 'RPUSH', rq_list(plan.queue), shard)
  call('ZADD', held_key(plan.queue), '+inf', shard)
end

local function enqueue_phase(id)
  local plan = plan_of(id)
  for _, first in ipairs(starts(plan, plan.samples)) do enqueue(id, plan, first, false) end
end

-- To the front, in order: a job that has begun ends before another begins, so that few are under way at a time.
local function enqueue_phase_first(id)
  local plan = plan_of(id)
  local firsts = starts(plan, plan.samples)
  for index = #firsts, 1, -1 do enqueue(id, plan, firsts[index], true) end
end

local function forget_phase(id, plan)
  for _, first in ipairs(plan.phase and starts(plan, plan.samples) or {}) do
    forget(shard_name(id, plan.phase, first), plan.queue)
  end
end

-- End a job: drop its shards, and keep what can be read of it for the time of retention.
local function close(id, status)
  forget_phase(id, plan_of(id))
  for _, list in ipairs({QUEUED, RUNNING, DUE}) do call('ZREM', list, id) end
  call('HSET', job_key(id), 'status', status, 'ended_at', stamp(now))
  local f = call('HMGET', job_key(id), 'retention', 'latest')
  local keys = {job_key(id), attempts_key(id)}
  for _, plan in ipairs(phases_of(id)) do keys[#keys + 1] = votes_key(id, plan.phase) end
  if call('GET', latest_key(f[2])) == id then keys[#keys + 1] = latest_key(f[2]) end
  for _, key in ipairs(keys) do call('EXPIRE', key, f[1]) end
end

-- Whether work on a job is still wanted. One that nobody began in time, or that has come no further, expires here.
local function is_live(id)
  local f = call('HMGET', job_key(id), 'status', 'expires_at')
  if f[1] ~= 'queued' and f[1] ~= 'running' then return false end
  if tonumber(f[2]) > now then return true end
  close(id, 'expired')
  return false
end

-- A job that has come further lives for another while.
local function prolong(id)
  local expires_at = stamp(now + call('HGET', job_key(id), 'queue_seconds'))
  call('HSET', job_key(id), 'expires_at', expires_at)
  call('ZADD', RUNNING, expires_at, id)
end

local function begin(id)
  if call('HGET', job_key(id), 'status') == 'queued' then
    call('HSET', job_key(id), 'status', 'running', 'started_at', stamp(now))
    call('ZREM', QUEUED, id)
    prolong(id)
  end
end

local function fail(id, problem)
  call('HSET', job_key(id), 'error', problem)
  close(id, 'failed')
end

-- Why a shard is not wanted, or nil.
local function refusal(id, phase, first, count)
  if not is_live(id) then return 'not-live' end
  local plan = plan_of(id)
  if plan.phase ~= phase then return 'other-phase' end
  if not is_start(plan, first) or count ~= count_of(plan, first) then return 'not-planned' end
  if call('HEXISTS', votes_key(id, phase), first) == 1 then return 'duplicate' end
  return nil
end

local function have_votes_for(id, votes, count)
  local sum = 0
  for _, vote in ipairs(votes) do
    if vote < 0 or vote ~= math.floor(vote) then return false end
    sum = sum + vote
  end
  return #votes == tonumber(call('HGET', job_key(id), 'classes')) and sum <= count
end

-- Whether the first samples of the phase that a job is in are recorded, end where a shard does, and may settle it.
local function may_settle(id, plan, samples)
  if samples < 1 or samples > plan.samples then return false end
  if samples ~= plan.samples and not (plan.may_stop and is_start(plan, samples)) then return false end
  for _, first in ipairs(starts(plan, samples)) do
    if call('HEXISTS', votes_key(id, plan.phase), first) == 0 then return false end
  end
  return true
end

-- The samples of each phase whose votes count: of the last phase the first so many, of the one before those that chose.
local function counting_samples(id, phases, samples)
  local chosen_by, used = call('HGET', job_key(id), 'selection_samples'), {}
  for number, plan in ipairs(phases) do
    used[number] = number == #phases and samples or tonumber(chosen_by or plan.samples)
  end
  return used
end

-- The recorded votes of each phase, summed over the shards of the samples that count.
local function recorded_votes(id, phases, used)
  local classes, found = tonumber(call('HGET', job_key(id), 'classes')), {}
  for number, plan in ipairs(phases) do
    local sums = {}
    for class = 1, classes do sums[class] = 0 end
    local shards = call('HGETALL', votes_key(id, plan.phase))
    for index = 1, #shards, 2 do
      if tonumber(shards[index]) < used[number] then
        for class, vote in ipairs(cjson.decode(shards[index + 1])) do sums[class] = sums[class] + vote end
      end
    end
    found[plan.phase] = sums
  end
  return found
end

-- Whether a result says what is recorded: these votes, and this class if it names one.
local function is_made_of(id, recorded)
  for phase, sums in pairs(recorded) do
    local stated = a.votes[phase]
    if type(stated) ~= 'table' or #stated ~= #sums then return false end
    for class, votes in ipairs(sums) do
      if stated[class] ~= votes then return false end
    end
  end
  local chosen = call('HGET', job_key(id), 'selected')
  return not chosen or a.index == cjson.null or a.index == tonumber(chosen)
end

-- Whether every sample that counts voted.
local function has_all_votes(recorded, phases, used)
  for number, plan in ipairs(phases) do
    local missing = used[number]
    for _, votes in ipairs(recorded[plan.phase]) do missing = missing - votes end
    if missing ~= 0 then return false end
  end
  return true
end

local function sum_of(numbers)
  local sum = 0
  for _, number in ipairs(numbers) do sum = sum + number end
  return sum
end

-- The question of a job counts as asked from here on, whatever becomes of it.
local function note_question()
  if a.image ~= '' then call('SADD', questions_key(a.image), string.sub(a.outcome, 1, HALF_A_DIGEST)) end
end

-- Whether an image was asked as many questions as the operator allows, and this one is another.
local function has_too_many_questions()
  if a.image == '' or a.max_questions == 0 then return false end
  local key = questions_key(a.image)
  if call('SISMEMBER', key, string.sub(a.outcome, 1, HALF_A_DIGEST)) == 1 then return false end
  return call('SCARD', key) >= a.max_questions
end

local function create(status)
  local phases = cjson.decode(a.phases)
  call('HSET', job_key(a.job), 'request', a.request, 'status', status, 'created_at', stamp(now),
    'samples_done', 0, 'samples_total', a.samples_total, 'queue', a.queue, 'phases', a.phases, 'phase', phases[1][1],
    'classes', a.classes, 'fingerprint', a.fingerprint,
    'expires_at', stamp(now + a.queue_seconds), 'queue_seconds', a.queue_seconds, 'retention', a.retention,
    'latest', a.latest, 'outcome', a.outcome, 'task', a.task, 'ledger', a.ledger)
  call('SET', latest_key(a.latest), a.job)
  return call('HGETALL', job_key(a.job))
end

-- The latest job of the same request, unless it ended without a result.
local function latest_job()
  local id = call('GET', latest_key(a.latest))
  if not id then return nil end
  if is_live(id) then return id end
  if a.outcome ~= '' and call('HGET', job_key(id), 'status') == 'succeeded' then return id end
  return nil
end

-- The job that adapts a task now, if it is another one.
local function adapting_job()
  local id = a.adapts and call('GET', adapting_key(a.task))
  if id and is_live(id) then return id end
  return nil
end

local function owns(shard) return call('HGET', OWNERS, shard) == a.owner end

local function is_leased_to_another(shard, queue)
  local owner = call('HGET', OWNERS, shard)
  local silent_until = call('ZSCORE', held_key(queue), shard)
  return owner and owner ~= a.owner and silent_until and tonumber(silent_until) > now
end

-- A shard whose delivery was lost: deliver it again if it is still wanted, but not for ever.
local function revive(shard, queue)
  local id, phase, first = parse(shard)
  local plan = plan_of(id)
  if plan.phase ~= phase or refusal(id, phase, first, count_of(plan, first)) then return forget(shard, queue) end
  if call('HINCRBY', attempts_key(id), 'lost:' .. shard, 1) >= a.lost_limit then return fail(id, a.lost_problem) end
  enqueue(id, plan, first, true)
end

-- Whether a popped RQ job is to be run; one that carries no shard of ours is judged by the worker.
local function is_wanted(name, queue)
  if call('EXISTS', rq_job(name)) == 0 then return false end
  local id = parse(name)
  if not id or call('EXISTS', job_key(id)) == 0 then return true end
  if is_live(id) then return true end
  forget(name, queue)
  return false
end

local commands = {}

function commands.submit()
  local latest = latest_job()
  if latest then return {'job', latest, call('HGETALL', job_key(latest))} end
  local outcome = a.outcome ~= '' and call('GET', outcome_key(a.outcome))
  if outcome then return {'stored', outcome} end
  if adapting_job() then return {'adapting', adapting_job()} end
  if call('ZCARD', QUEUED) >= a.max_queued then return {'full'} end
  if has_too_many_questions() then return {'questions'} end
  note_question()
  create('queued')
  if a.adapts then call('SET', adapting_key(a.task), a.job, 'EX', a.retention) end
  call('ZADD', QUEUED, stamp(now + a.queue_seconds), a.job)
  enqueue_phase(a.job)
  return {'job', a.job, call('HGETALL', job_key(a.job))}
end

-- A job that is done as soon as it is asked for, because its outcome is known.
function commands.adopt()
  local latest = latest_job()
  if latest then return {latest, call('HGETALL', job_key(latest))} end
  create('running')
  call('HSET', job_key(a.job), 'started_at', stamp(now), 'samples_done', a.samples_done, 'result', a.result)
  close(a.job, 'succeeded')
  return {a.job, call('HGETALL', job_key(a.job))}
end

function commands.get()
  is_live(a.job)
  return call('HGETALL', job_key(a.job))
end

function commands.cancel()
  if is_live(a.job) then close(a.job, 'canceled') end
  return call('HGETALL', job_key(a.job))
end

-- A write, since a server that is out of memory or disk still reads.
function commands.ping() call('SET', PREFIX .. 'ping', stamp(now)) end

function commands.live() return is_live(a.job) and 1 or 0 end

function commands.pop()
  for _, queue in ipairs(a.queues) do
    local list = rq_list(queue)
    for _ = 1, MANY do
      local name = call('LMOVE', list, list .. ':intermediate', 'LEFT', 'RIGHT')
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
end

function commands.lease()
  local shard = shard_name(a.job, a.phase, a.first)
  if refusal(a.job, a.phase, a.first, a.count) then return 0 end
  local queue = plan_of(a.job).queue
  if is_leased_to_another(shard, queue) then return 0 end
  call('LREM', rq_list(queue) .. ':intermediate', 0, shard)
  call('ZADD', held_key(queue), stamp(now + a.seconds), shard)
  call('HSET', OWNERS, shard, a.owner)
  begin(a.job)
  return 1
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
  local plan = plan_of(a.job)
  if not plan.queue then return call('HDEL', OWNERS, shard) end
  if refusal(a.job, a.phase, a.first, a.count) then return forget(shard, plan.queue) end
  enqueue(a.job, plan, a.first, true)
end

function commands.record()
  local why = refusal(a.job, a.phase, a.first, a.count)
  if why then return {why, 0} end
  if a.phase == 'adapt' then return {'no-votes', 0} end
  if call('HGET', job_key(a.job), 'fingerprint') ~= a.fingerprint then return {'other-fingerprint', 0} end
  if not have_votes_for(a.job, cjson.decode(a.votes), a.count) then return {'impossible-votes', 0} end
  local plan = plan_of(a.job)
  call('HSET', votes_key(a.job, a.phase), a.first, a.votes)
  call('HINCRBY', job_key(a.job), 'samples_done', a.count)
  forget(shard_name(a.job, a.phase, a.first), plan.queue)
  begin(a.job)
  prolong(a.job)
  if not is_complete(a.job, plan) and not plan.may_stop then return {'counted', 0} end
  call('ZADD', DUE, stamp(now + a.seconds), a.job)
  return {'counted', 1}
end

-- A job and the votes of its phases, as they are at one moment.
function commands.standing()
  is_live(a.job)
  local job = call('HGETALL', job_key(a.job))
  local found = {job}
  for _, plan in ipairs(phases_of(a.job)) do
    found[#found + 1] = plan.phase
    found[#found + 1] = cjson.encode({plan.step, plan.head, plan.stride})
    found[#found + 1] = call('HGETALL', votes_key(a.job, plan.phase))
  end
  return found
end

-- Stores the class that the first selection samples chose, and plans the next phase; the first choice stands.
function commands.select()
  local chosen = call('HGET', job_key(a.job), 'selected')
  if chosen then return chosen end
  local plan = plan_of(a.job)
  if not is_live(a.job) or plan.phase ~= 'select' or not may_settle(a.job, plan, a.samples) then return false end
  local following = phases_of(a.job)[2]
  forget_phase(a.job, plan)
  call('HSET', job_key(a.job), 'selected', a.index, 'selection_samples', a.samples, 'phase', following.phase)
  call('ZREM', DUE, a.job)
  prolong(a.job)
  enqueue_phase_first(a.job)
  return tostring(a.index)
end

-- Succeeds only with all shards of the last phase, or, where its first samples may settle the answer, with theirs, and
-- only if the result was made of the votes that they hold; no vote that counts can change any more. The first outcome of
-- a question stands; one that lacks votes is the result of its job and no outcome, so that the same question, with the
-- same noise, is answered anew. Each answer that is given costs its alpha once.
function commands.finish()
  if not is_live(a.job) then return {'not-live'} end
  local plan, phases = plan_of(a.job), phases_of(a.job)
  local f = call('HMGET', job_key(a.job), 'outcome', 'latest', 'ledger')
  if not plan.is_last or not may_settle(a.job, plan, a.samples) then return {'incomplete'} end
  local outcome = call('GET', outcome_key(f[1]))
  if outcome and not a.is_stored then return {'stored', outcome} end
  local used = counting_samples(a.job, phases, a.samples)
  local recorded = recorded_votes(a.job, phases, used)
  if not a.is_stored and not is_made_of(a.job, recorded) then return {'other-votes'} end
  if not outcome then
    if f[3] then call('HINCRBY', LEDGER, f[3], 1) end
    if has_all_votes(recorded, phases, used) then
      call('SET', outcome_key(f[1]), a.result)
    elseif call('GET', latest_key(f[2])) == a.job then
      call('DEL', latest_key(f[2]))
    end
  end
  call('HSET', job_key(a.job), 'result', a.result, 'samples_done', sum_of(used))
  close(a.job, 'succeeded')
  return {'finished'}
end

-- How far the holder of a job's only shard is; a job that moves lives on.
function commands.progress()
  if not is_live(a.job) or not owns(shard_name(a.job, a.phase, a.first)) then return 0 end
  call('HSET', job_key(a.job), 'samples_done', a.done, 'stage', a.stage)
  local f = call('HMGET', job_key(a.job), 'task', 'retention')
  call('EXPIRE', adapting_key(f[1]), f[2])
  prolong(a.job)
  return 1
end

-- Ends a job that has one shard and no votes, for the worker that holds it.
function commands.complete()
  if not is_live(a.job) or not owns(shard_name(a.job, a.phase, a.first)) then return 0 end
  call('HSET', job_key(a.job), 'result', a.result, 'samples_done', call('HGET', job_key(a.job), 'samples_total'))
  close(a.job, 'succeeded')
  return 1
end

-- The jobs that are not done and answer with, or adapt, a task.
function commands.jobs_of()
  local found = {}
  for _, list in ipairs({QUEUED, RUNNING}) do
    for _, id in ipairs(call('ZRANGE', list, 0, -1)) do
      if call('HGET', job_key(id), 'task') == a.task and is_live(id) then found[#found + 1] = id end
    end
  end
  return found
end

function commands.fail()
  if not is_live(a.job) then return 0 end
  fail(a.job, a.problem)
  return 1
end

function commands.attempt()
  if not is_live(a.job) then return 0 end
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

-- Repairs what a crash left behind; answers with the jobs whose next step somebody must take now.
function commands.reconcile()
  if not call('SET', RECONCILING .. a.engine, 1, 'NX', 'PX', a.pause_milliseconds) then return {} end
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

-- The check of the first worker that came; the caller's own if it is the first.
function commands.noise()
  call('SET', noise_key(a.engine), a.check, 'NX')
  return call('GET', noise_key(a.engine))
end

function commands.ledger() return call('HGETALL', LEDGER) end

function commands.questions() return call('SCARD', questions_key(a.image)) end

function commands.register()
  call('ZADD', WORKERS, stamp(now + a.seconds), a.name)
  call('HSET', WORKER_RECORDS, a.name, a.record)
  for _, name in ipairs(call('ZRANGEBYSCORE', WORKERS, '-inf', stamp(now))) do
    call('ZREM', WORKERS, name)
    call('HDEL', WORKER_RECORDS, name)
  end
end

function commands.workers()
  local records = {}
  for _, name in ipairs(call('ZRANGEBYSCORE', WORKERS, '(' .. stamp(now), '+inf')) do
    records[#records + 1] = call('HGET', WORKER_RECORDS, name)
  end
  return records
end

function commands.depths()
  local depths = {}
  for index, kind in ipairs(a.kinds) do
    depths[index] = 0
    for _, list in ipairs(call('SMEMBERS', a.rq .. ':queues')) do
      local queue = string.match(list, ':queue:(' .. kind .. ':%x+)$')
      if queue then depths[index] = depths[index] + call('ZCOUNT', held_key(queue), '+inf', '+inf') end
    end
  end
  return depths
end

return commands[ARGV[1]]()
