-- Votes: what is recorded, and whether a result was made of it.

local function have_votes_for(id, votes, samples)
  local sum = 0
  for _, vote in ipairs(votes) do
    if vote < 0 or vote ~= math.floor(vote) then return false end
    sum = sum + vote
  end
  return #votes == tonumber(call('HGET', job_key(id), 'classes')) and sum <= samples
end

local function sum_of(numbers)
  local sum = 0
  for _, number in ipairs(numbers) do sum = sum + number end
  return sum
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
    if sum_of(recorded[plan.phase]) ~= used[number] then return false end
  end
  return true
end
