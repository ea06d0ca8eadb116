-- The life of a job: whether it is wanted, that it moves, and its end.

local function is_of_votes(id) return call('HGET', job_key(id), 'phase') ~= 'adapt' end

local function wait_no_longer(id)
  local f = call('HMGET', job_key(id), 'kind', 'owner', 'queue')
  call('ZREM', QUEUED, id)
  if f[1] then
    call('ZREM', waiting_key(f[1]), id)
    call('ZREM', waiting_of_key(f[1], f[2]), id)
    call('ZREM', waiting_in_key(f[3]), id)
  end
end

local USED = {
  succeeded = function(id) return tonumber(call('HGET', job_key(id), 'samples_done')) end,
  canceled = function(id) return tonumber(call('HGET', job_key(id), 'samples_done')) end,
  failed = function() return 0 end,
  expired = function() return 0 end,
}

-- What a job of an adaptation has used is what it was charged, unless it came to nothing.
local function used_by(id, status)
  if is_of_votes(id) or status == 'failed' or status == 'expired' then return USED[status](id) end
  local f = call('HMGET', job_key(id), 'charge', 'samples_done', 'samples_total')
  local share = tonumber(f[2]) / math.max(1, tonumber(f[3]))
  return math.ceil(tonumber(f[1] or 0) * math.min(1, share))
end

-- End a job: drop its shards, and keep what can be read of it for the time of retention.
local function close(id, status, ended_as)
  forget_phase(id, plan_of(id))
  if call('HGET', job_key(id), 'status') == 'queued' then leave_line(id) end
  wait_no_longer(id)
  for _, list in ipairs({RUNNING, DUE}) do call('ZREM', list, id) end
  call('HSET', job_key(id), 'status', status, 'ended_at', stamp(wall))
  local f = call('HMGET', job_key(id), 'retention', 'latest', 'outcome', 'kind', 'begun')
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

-- Whether work on a job is still wanted. One that nobody began in time, or that has come no further, expires here.
local function is_live(id)
  local f = call('HMGET', job_key(id), 'status', 'expires_at')
  if f[1] ~= 'queued' and f[1] ~= 'running' then return false end
  if tonumber(f[2]) > now then return true end
  if not is_reading then close(id, 'expired') end
  return false
end

-- A job that has come further lives for another while.
local function prolong(id)
  local f = call('HMGET', job_key(id), 'queue_seconds', 'image', 'retention')
  local expires_at = now + f[1]
  call('HSET', job_key(id), 'expires_at', stamp(expires_at))
  call('ZADD', RUNNING, stamp(expires_at), id)
  for _, owner in ipairs(owners_of(id)) do keep_list(owner, f[1] + f[3]) end
  keep_image(f[2], nil, expires_at + f[3])
end

local function begin(id)
  local f = call('HMGET', job_key(id), 'status', 'kind', 'waits_since')
  if f[1] ~= 'queued' then return end
  call('HSET', job_key(id), 'status', 'running', 'started_at', stamp(wall), 'begun', stamp(now))
  wait_no_longer(id)
  if f[3] then observe('queued:' .. f[2], now - tonumber(f[3])) end
  if leave_line(id) then enqueue_phase(id) end
  prolong(id)
  tell(id, 'moved')
end

local function fail(id, problem)
  call('HSET', job_key(id), 'error', problem)
  close(id, 'failed')
end

-- Why a shard is not wanted, or nil.
local function refusal(id, phase, first, samples)
  if not is_live(id) or call('HEXISTS', job_key(id), 'settled') == 1 then return 'not-live' end
  local plan = plan_of(id)
  if plan.phase ~= phase then return 'other-phase' end
  if not is_start(plan, first) or samples ~= count_of(plan, first) then return 'not-planned' end
  if call('HEXISTS', votes_key(id, phase), first) == 1 then return 'duplicate' end
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
  count('shards:lost')
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
