-- Phases and the shards that they are cut into, and how these reach a worker.

-- A phase as it is planned: samples 0 .. samples - 1, cut into shards of `step` samples up to `head`, which is a multiple
-- of it, and of `stride` from there on. `may_stop`: its first shards may settle what it is for.
local function phase_of(entry, whole)
  return {phase = entry[1], samples = entry[2], step = entry[3] or whole, head = entry[4] or 0,
    stride = entry[5] or whole, may_stop = entry[6] == 1}
end

-- What decides about a shard, of all fields of its job: read at once, since each command more costs the server as much.
local LOOKED_AT = {'status', 'expires_at', 'settled', 'queue', 'phase', 'phases', 'shard_samples', 'kind', 'owner',
  'waits_since', 'fingerprint', 'set_sizes', 'classes', 'copies', 'queue_seconds'}

local function look(id)
  local job = {}
  for number, value in ipairs(call('HMGET', job_key(id), unpack(LOOKED_AT))) do job[LOOKED_AT[number]] = value end
  return job
end

-- All phases of a job. One that an earlier release submitted has shards of one size.
local function phases_in(job)
  local phases = {}
  for number, entry in ipairs(job.phases and cjson.decode(job.phases) or {}) do
    phases[number] = phase_of(entry, tonumber(job.shard_samples))
  end
  return phases
end

local function phases_of(id)
  local f = call('HMGET', job_key(id), 'phases', 'shard_samples')
  return phases_in({phases = f[1], shard_samples = f[2]})
end

-- The phase that a job is in, with its queue; `is_last` of the one that decides.
local function plan_in(job)
  local phases = phases_in(job)
  for number, plan in ipairs(phases) do
    if plan.phase == job.phase then
      plan.queue, plan.is_last = job.queue, number == #phases
      return plan
    end
  end
  return {}
end

local function plan_of(id)
  local f = call('HMGET', job_key(id), 'queue', 'phase', 'phases', 'shard_samples')
  return plan_in({queue = f[1], phase = f[2], phases = f[3], shard_samples = f[4]})
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

-- So many workers that block for want of work look again. One that finds nothing takes the tokens that are left away.
local function wake(queue, workers)
  local tokens = {}
  for number = 1, math.min(workers or 1, MOST_TOKENS) do tokens[number] = '' end
  call('LPUSH', wake_key(queue), unpack(tokens))
  call('LTRIM', wake_key(queue), 0, MOST_TOKENS - 1)
end

-- Forget a shard's delivery. A mention left in RQ's list is dropped when it is popped.
local function forget(shard, queue)
  call('ZREM', held_key(queue), shard)
  call('HDEL', OWNERS, shard)
  call('DEL', rq_job(shard))
  call('LREM', rq_list(queue) .. ':intermediate', 0, shard)
end

-- Into RQ's list, where no delivery of it is.
local function deliver(id, plan, first, front)
  local shard = shard_name(id, plan.phase, first)
  local data = cjson.encode({a.shard_function, cjson.null, {id, plan.phase, first, count_of(plan, first)}, {}})
  call('HSET', rq_job(shard), 'data', data, 'origin', plan.queue, 'status', 'queued', 'description', shard,
    'timeout', -1, 'result_ttl', 0, 'failure_ttl', 60)
  call(front and 'LPUSH' or 'RPUSH', rq_list(plan.queue), shard)
  call('ZADD', held_key(plan.queue), '+inf', shard)
end

-- Deliver a shard again, before all others.
local function deliver_again(id, plan, first)
  forget(shard_name(id, plan.phase, first), plan.queue)
  deliver(id, plan, first, true)
  wake(plan.queue)
end

-- To the end, or to the front, in order: a job that has begun ends before another begins, so that few are under way at a
-- time.
local function enqueue_phase(id, front)
  local plan = plan_of(id)
  local firsts = starts(plan, plan.samples)
  call('SADD', a.rq .. ':queues', rq_list(plan.queue))
  for index = 1, #firsts do deliver(id, plan, firsts[front and #firsts + 1 - index or index], front) end
  wake(plan.queue, #firsts)
end

-- Forget the deliveries of a phase. That of a shard that is recorded was forgotten then.
local function forget_phase(id, plan)
  if not plan.phase or is_complete(id, plan) then return end
  local recorded = {}
  for _, first in ipairs(call('HKEYS', votes_key(id, plan.phase))) do recorded[tonumber(first)] = true end
  for _, first in ipairs(starts(plan, plan.samples)) do
    if not recorded[first] then forget(shard_name(id, plan.phase, first), plan.queue) end
  end
end
