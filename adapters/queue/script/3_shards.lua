-- Phases and the shards that they are cut into, and how these reach a worker.

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

-- A worker that blocks for want of work looks again. One that finds nothing takes the tokens that are left away.
local function wake(queue)
  call('LPUSH', wake_key(queue), '')
  call('LTRIM', wake_key(queue), 0, MOST_TOKENS - 1)
end

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
  wake(plan.queue)
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

-- A job waits in its owner's lane until it is its turn.
local function line_up(id)
  local f = call('HMGET', job_key(id), 'queue', 'owner')
  if call('RPUSH', lane_key(f[1], f[2]), id) == 1 then call('RPUSH', rotation_key(f[1]), f[2]) end
  wake(f[1])
end

-- Takes a job out of its lane; false when it was in none.
local function leave_line(id)
  local f = call('HMGET', job_key(id), 'queue', 'owner')
  if not f[2] or call('LREM', lane_key(f[1], f[2]), 1, id) == 0 then return false end
  if call('EXISTS', lane_key(f[1], f[2])) == 0 then call('LREM', rotation_key(f[1]), 0, f[2]) end
  return true
end

-- The next job of a queue, each owner's in turn; false when none waits.
local function next_in_line(queue)
  local owner = call('LPOP', rotation_key(queue))
  if not owner then return false end
  local id = call('LPOP', lane_key(queue, owner))
  if call('EXISTS', lane_key(queue, owner)) == 1 then call('RPUSH', rotation_key(queue), owner) end
  return id or ''
end
