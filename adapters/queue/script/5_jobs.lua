-- The life of a job: whether it is wanted, that it moves, and its end.

-- A job needs a task until it is done.
local function note_need(task, id)
  if task and task ~= '' then call('ZADD', needing_key(task), stamp(now), id) end
end

local function is_of_samples(id) return call('HGET', job_key(id), 'phase') ~= 'adapt' end

-- Whether it waited in line.
local function wait_no_longer(id, job)
  call('ZREM', QUEUED, id)
  if job.kind then
    call('ZREM', waiting_key(job.kind), id)
    call('ZREM', waiting_of_key(job.kind, job.owner), id)
    call('ZREM', waiting_in_key(job.queue), id)
  end
  return lanes.leave(id, job.queue, job.owner)
end

local USED = {
  succeeded = function(id) return tonumber(call('HGET', job_key(id), 'samples_done')) end,
  canceled = function(id) return tonumber(call('HGET', job_key(id), 'samples_done')) end,
  failed = function() return 0 end,
  expired = function() return 0 end,
}

-- What a job of an adaptation has used is what it was charged, unless it came to nothing.
local function used_by(id, status)
  if is_of_samples(id) or status == 'failed' or status == 'expired' then return USED[status](id) end
  local f = call('HMGET', job_key(id), 'charge', 'samples_done', 'samples_total')
  local share = tonumber(f[2]) / math.max(1, tonumber(f[3]))
  return math.ceil(tonumber(f[1] or 0) * math.min(1, share))
end

-- An answer is given to these owners, or its votes are shown to them before it. Either costs its alpha, once: who could
-- look at votes, and cancel what does not please, would get answers that the ledger knows nothing of.
local function charge_ledger(id, owners)
  local entry = call('HGET', job_key(id), 'ledger')
  if not entry or entry == '' then return end
  if call('HSETNX', job_key(id), 'charged', 1) == 1 then call('HINCRBY', LEDGER, entry, 1) end
  for _, owner in ipairs(owners) do
    if owner ~= '' and call('HSETNX', job_key(id), 'charged-to:' .. owner, 1) == 1 then
      call('HINCRBY', ledger_key(owner), entry, 1)
    end
  end
end

-- Of what the ledger charges for a job, what the store has not noted yet: whether it is the first, and for which owners.
local function unnoted(id, owners)
  local found = {}
  for _, owner in ipairs(owners) do
    if call('HEXISTS', job_key(id), 'noted-to:' .. owner) == 0 then found[#found + 1] = owner end
  end
  return call('HEXISTS', job_key(id), 'noted') == 0 and 1 or 0, found
end

-- End a job: drop its shards, which one that is settled has none of, and keep what can be read of it for the time of
-- retention.
local function close(id, status, ended_as)
  local job = look(id)
  if not job.settled then forget_phase(id, plan_in(job)) end
  if job.status == 'queued' then wait_no_longer(id, job) end
  for _, list in ipairs({RUNNING, DUE}) do call('ZREM', list, id) end
  call('HSET', job_key(id), 'status', status, 'ended_at', stamp(wall))
  local f = call('HMGET', job_key(id), 'retention', 'latest', 'outcome', 'kind', 'begun', 'queue', 'task')
  if f[6] then call('ZREM', running_in_key(f[6]), id) end
  if f[7] and f[7] ~= '' then call('ZREM', needing_key(f[7]), id) end
  count('jobs:' .. (f[4] or 'unknown') .. ':' .. (ended_as or status))
  if f[5] then observe('compute:' .. f[4], now - tonumber(f[5])) end
  settle_tickets(id, used_by(id, status), tonumber(f[1]))
  local keys = {job_key(id), attempts_key(id), tickets_key(id)}
  for _, plan in ipairs(phases_of(id)) do keys[#keys + 1] = votes_key(id, plan.phase) end
  if call('GET', latest_key(f[2])) == id then keys[#keys + 1] = latest_key(f[2]) end
  for _, owner in ipairs(owners_of(id)) do keys[#keys + 1] = outcome_key(owner, f[3] or '') end
  for _, key in ipairs(keys) do call('EXPIRE', key, f[1]) end
  tell(id, 'ended')
end

-- Whether work on a job that was just looked at is still wanted. One that nobody began in time, or that has come no
-- further, expires here.
local function is_wanted_still(id, job)
  if job.status ~= 'queued' and job.status ~= 'running' then return false end
  if tonumber(job.expires_at) > now then return true end
  if not is_reading then close(id, 'expired') end
  return false
end

local function is_live(id)
  local f = call('HMGET', job_key(id), 'status', 'expires_at')
  return is_wanted_still(id, {status = f[1], expires_at = f[2]})
end

-- A job that has come further lives for another while.
local function prolong(id)
  local f = call('HMGET', job_key(id), 'queue_seconds', 'image', 'retention', 'queue')
  local expires_at = now + f[1]
  call('HSET', job_key(id), 'expires_at', stamp(expires_at))
  call('ZADD', RUNNING, stamp(expires_at), id)
  if f[4] then call('ZADD', running_in_key(f[4]), stamp(expires_at), id) end
  for _, owner in ipairs(owners_of(id)) do keep_list(owner, f[1] + f[3]) end
  keep_image(f[2], nil, expires_at + f[3])
end

-- The same where shards come often: it may be silent for a hundredth less than it may otherwise, or for a second less.
local function prolong_now_and_then(id, job)
  local most = tonumber(job.queue_seconds)
  if now + most - tonumber(job.expires_at) >= math.min(1, most / 100) then prolong(id) end
end

-- A job that was just looked at.
local function begin(id, job)
  if job.status ~= 'queued' then return end
  call('HSET', job_key(id), 'status', 'running', 'started_at', stamp(wall), 'begun', stamp(now))
  if job.waits_since then observe('queued:' .. job.kind, now - tonumber(job.waits_since)) end
  if wait_no_longer(id, job) then enqueue_phase(id) end
  prolong(id)
  tell(id, 'moved')
end

local function fail(id, problem)
  call('HSET', job_key(id), 'error', problem)
  close(id, 'failed')
end

-- Why a shard of a job that was just looked at is not wanted, or nil; and the phase that the job is in.
local function refusal(id, job, phase, first, samples)
  if not is_wanted_still(id, job) or job.settled then return 'not-live', {} end
  local plan = plan_in(job)
  if plan.phase ~= phase then return 'other-phase', plan end
  if not is_start(plan, first) or samples ~= count_of(plan, first) then return 'not-planned', plan end
  if call('HEXISTS', votes_key(id, phase), first) == 1 then return 'duplicate', plan end
  return nil, plan
end

local function owns(shard) return call('HGET', OWNERS, shard) == a.owner end

local function is_leased_to_another(shard, queue)
  local owner = call('HGET', OWNERS, shard)
  if not owner or owner == a.owner then return false end
  local silent_until = call('ZSCORE', held_key(queue), shard)
  return silent_until and tonumber(silent_until) > now
end

-- A shard whose delivery was lost: deliver it again if it is still wanted, but not for ever.
local function revive(shard, queue)
  local id, phase, first = parse(shard)
  local job = look(id)
  local plan = plan_in(job)
  if plan.phase ~= phase or refusal(id, job, phase, first, count_of(plan, first)) then return forget(shard, queue) end
  count('shards:lost')
  if call('HINCRBY', attempts_key(id), 'lost:' .. shard, 1) >= a.lost_limit then return fail(id, a.lost_problem) end
  deliver_again(id, plan, first)
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
