-- Votes: what is recorded, and whether a result was made of it.

local function sum_of(numbers)
  local sum = 0
  for _, number in ipairs(numbers) do sum = sum + number end
  return sum
end

-- How many labels each set of votes of a job has: one, or one for each label set or each sigma.
local function sizes_in(job) return job.set_sizes and cjson.decode(job.set_sizes) or {tonumber(job.classes)} end

local function sizes_of(id)
  local f = call('HMGET', job_key(id), 'set_sizes', 'classes')
  return sizes_in({set_sizes = f[1], classes = f[2]})
end

-- How many noisy copies each sample of a job has: what it is charged, and what is counted as done.
local function copies_in(job) return tonumber(job.copies or 1) end

-- The sum of the votes of each set, which stand one after the other: a sample has a vote in each.
local function sums_of_sets(votes, sizes)
  local sums, last = {}, 0
  for number, size in ipairs(sizes) do
    local sum = 0
    for index = last + 1, last + size do sum = sum + votes[index] end
    sums[number], last = sum, last + size
  end
  return sums
end

-- The fewest votes that a set has; false where they cannot be votes of so many samples.
local function fewest_votes(job, votes, samples)
  for _, vote in ipairs(votes) do
    if vote < 0 or vote ~= math.floor(vote) then return false end
  end
  local sizes, fewest = sizes_in(job), samples
  if #votes ~= sum_of(sizes) then return false end
  for _, sum in ipairs(sums_of_sets(votes, sizes)) do
    if sum > samples then return false end
    fewest = math.min(fewest, sum)
  end
  return fewest
end

-- Whether the first samples of the phase that a job is in are recorded, end where a shard does, and may settle it.
local function may_settle(id, plan, samples)
  if samples < 1 or samples > plan.samples then return false end
  if samples == plan.samples then return is_complete(id, plan) end
  if not (plan.may_stop and is_start(plan, samples)) then return false end
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
  local classes, found = sum_of(sizes_of(id)), {}
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

-- Whether a result says what is recorded: these votes, and what was chosen if it names that.
local function is_made_of(id, recorded)
  for phase, sums in pairs(recorded) do
    local stated = a.votes[phase]
    if type(stated) ~= 'table' or #stated ~= #sums then return false end
    for class, votes in ipairs(sums) do
      if stated[class] ~= votes then return false end
    end
  end
  local chosen = call('HGET', job_key(id), 'selected')
  return not chosen or a.chosen == cjson.null or a.chosen == chosen
end

-- Whether every sample that counts voted, in every set.
local function has_all_votes(id, recorded, phases, used)
  local sizes = sizes_of(id)
  for number, plan in ipairs(phases) do
    for _, sum in ipairs(sums_of_sets(recorded[plan.phase], sizes)) do
      if sum ~= used[number] then return false end
    end
  end
  return true
end
