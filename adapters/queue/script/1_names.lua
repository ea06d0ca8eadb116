-- The job board on the queue server: one command a call, and every command is atomic. The files of this folder are one
-- library of functions, in the order of their numbers.
--
-- The first argument of a call is the command, the second its arguments as JSON. The names of the service's keys are written here and nowhere
-- else; each begins with "robustify:". An owner is the id of a key, or empty for who needs none.
--
--   job:ID             hash    a job's request, plan, state, result and error
--   votes:ID:PHASE     hash    first sample of a shard -> its votes as JSON; each field is written once
--   erased:ID          set     owners who erased a job between its settling and its publishing
--   attempts:ID        hash    step -> deliveries of it that failed
--   ticket:ID          hash    one owner's hold on a job: what an id of the API names. The first has its job's id
--   tickets:JOB        hash    owner -> the ticket that holds the job; a job that nobody holds is not worked on
--   owned:OWNER        zset    ticket -> when it was made: what its owner may list
--   tickets-about:OWNER:IMAGE  set  an owner's tickets about an image; some of them may be forgotten already
--   once:OWNER:KEY     hash    an Idempotency-Key -> the request that it came with, and its ticket
--   waiting:KIND       zset    job that nobody has begun -> since when
--   waiting:KIND:OWNER zset    those of the owner who asked first
--   waiting-in:QUEUE   zset    those of a queue: where one engine has no worker, its jobs shut out no other's
--   line:QUEUE:OWNER   zset    an owner's lane: the jobs that wait for their turn, in their order
--   turns:QUEUE        zset    the owners who have a lane, the next first: one job each in turn
--   lane:QUEUE:OWNER   list    a lane, as earlier releases have it
--   rotation:QUEUE     list    the turns, likewise
--   held:QUEUE         zset    every shard that is wanted and not recorded -> +inf while it waits in RQ's list, or else the
--                              time until which its worker may be silent
--   wake:QUEUE         list    tokens that workers without work block on
--   owners             hash    shard -> the worker that has its lease
--   queued             zset    job that nobody has begun -> the time at which it expires
--   running            zset    job that has begun -> the time at which it expires unless votes come
--   running-in:QUEUE   zset    those of a queue, likewise
--   due                zset    job whose phase is complete, whose votes may be enough, or whose result is to be published
--                              -> the time from which anybody may take its next step
--   adapting:TASK      string  task -> the latest job that adapts it
--   needing:TASK       zset    job that is not done, and answers with the task or adapts it -> since when
--   needs-known        string  that the jobs of earlier releases are in these, too
--   latest:DIGEST      string  request -> the latest job that has it
--   latest:OWNER:DIGEST  string  request -> its owner's latest ticket that has it
--   outcome:OWNER:DIGEST string  question -> its result, until it is surely on disk
--   ledger             hash    KIND:ALPHA -> answers of this kind that were given out, each with this chance of error
--   ledger:OWNER       hash    those that one key was given
--   ledger-known       string  that what is stored of the ledger is in it
--   questions:OWNER:IMAGE  set the questions that were asked about an image, by the first half of their digests
--   usage:OWNER:DAY    hash    samples that were charged on a day since the epoch, and jobs by their kind
--   images             zset    image -> the time from which it is wanted no more
--   images-of:OWNER    zset    likewise, of one owner
--   owners-of:IMAGE    set     who asked about it
--   removing:IMAGE     string  somebody removes it just now
--   batch:ID           hash    images that came at once: its owner, a line for each as JSON, and the tickets of those taken
--   left:BATCH         set     the tickets of a batch that are not done
--   batches-of:TICKET  set     the batches that wait for a ticket
--   batches:OWNER      zset    batch -> when it was made: what its owner may list
--   deliveries         zset    ticket, or batch-ID, whose owner is to be told of its end -> when
--   gone:OWNER:DIGEST  string  an address, by its digest, that said that it wants to be told nothing more
--   counters           hash    what happened how often, and how long it took, since the server was set up
--   noise-key:ENGINE   string  what the noise key of the workers of an engine is checked by
--   workers            zset    worker -> the time until which it counts as live
--   worker-records     hash    worker -> what it says of itself
--   dead-letters       list    RQ jobs that were refused, the latest first
--   turn:WHAT          string  that one of several processes has done something lately
--   ping               string  when a server was last found to take writes
--   clock              hash    the board's time, and the server's clock when it was that
--
-- A shard is named JOB-PHASE-FIRST, and so is the RQ job that carries it. A queue is named KIND:ENGINE: a worker knows the
-- queues of its own engine only. On the channel changed:JOB the board says that a job has moved, or that it, or somebody's hold on it, has ended.

local PREFIX = 'robustify:'
local OWNERS, DUE = PREFIX .. 'owners', PREFIX .. 'due'
local QUEUED, RUNNING = PREFIX .. 'queued', PREFIX .. 'running'
local WORKERS, WORKER_RECORDS = PREFIX .. 'workers', PREFIX .. 'worker-records'
local LEDGER, COUNTERS, CLOCK = PREFIX .. 'ledger', PREFIX .. 'counters', PREFIX .. 'clock'
local LEDGER_KNOWN, NEEDS_KNOWN = PREFIX .. 'ledger-known', PREFIX .. 'needs-known'
local IMAGES, DELIVERIES = PREFIX .. 'images', PREFIX .. 'deliveries'
local DEAD_LETTERS, RECONCILING = PREFIX .. 'dead-letters', PREFIX .. 'reconciling:'
local MANY, HALF_A_DIGEST = 1000, 32
local DAY, USAGE_DAYS = 86400, 35
-- A job whose image has not been stored by then is not wanted: who asked for it is gone.
local STORING_SECONDS = 60
-- An answer that is stored is read there. Who has just looked in vain finds it here, for so long.
local STORED_SECONDS = 60
-- Nobody is still about to remove an image that long after he was told that he may.
local REMOVING_SECONDS = 60
local MOST_TOKENS, MOST_OWNED, MOST_BATCHES = 64, 10000, 200

-- Set anew by each call: see the last file.
local call, a, is_reading

local function job_key(id) return PREFIX .. 'job:' .. id end
local function votes_key(id, phase) return PREFIX .. 'votes:' .. id .. ':' .. phase end
local function attempts_key(id) return PREFIX .. 'attempts:' .. id end
local function erased_key(id) return PREFIX .. 'erased:' .. id end
local function ticket_key(id) return PREFIX .. 'ticket:' .. id end
local function tickets_key(id) return PREFIX .. 'tickets:' .. id end
local function owned_key(owner) return PREFIX .. 'owned:' .. owner end
local function tickets_about_key(owner, image) return PREFIX .. 'tickets-about:' .. owner .. ':' .. image end
local function once_key(owner, name) return PREFIX .. 'once:' .. owner .. ':' .. name end
local function waiting_key(kind) return PREFIX .. 'waiting:' .. kind end
local function waiting_of_key(kind, owner) return PREFIX .. 'waiting:' .. kind .. ':' .. owner end
local function waiting_in_key(queue) return PREFIX .. 'waiting-in:' .. queue end
local function running_in_key(queue) return PREFIX .. 'running-in:' .. queue end
local function line_key(queue, owner) return PREFIX .. 'line:' .. queue .. ':' .. owner end
local function turns_key(queue) return PREFIX .. 'turns:' .. queue end
local function lane_key(queue, owner) return PREFIX .. 'lane:' .. queue .. ':' .. owner end
local function rotation_key(queue) return PREFIX .. 'rotation:' .. queue end
local function held_key(queue) return PREFIX .. 'held:' .. queue end
local function wake_key(queue) return PREFIX .. 'wake:' .. queue end
local function adapting_key(task) return PREFIX .. 'adapting:' .. task end
local function needing_key(task) return PREFIX .. 'needing:' .. task end
local function latest_key(digest) return PREFIX .. 'latest:' .. digest end
local function latest_of_key(owner, digest) return PREFIX .. 'latest:' .. owner .. ':' .. digest end
local function outcome_key(owner, digest) return PREFIX .. 'outcome:' .. owner .. ':' .. digest end
local function ledger_key(owner) return PREFIX .. 'ledger:' .. owner end
local function questions_key(owner, image) return PREFIX .. 'questions:' .. owner .. ':' .. image end
local function usage_key(owner, day) return PREFIX .. 'usage:' .. owner .. ':' .. day end
local function images_of_key(owner) return PREFIX .. 'images-of:' .. owner end
local function owners_of_key(image) return PREFIX .. 'owners-of:' .. image end
local function removing_key(image) return PREFIX .. 'removing:' .. image end
local function batch_key(id) return PREFIX .. 'batch:' .. id end
local function left_key(batch) return PREFIX .. 'left:' .. batch end
local function batches_of_key(ticket) return PREFIX .. 'batches-of:' .. ticket end
local function batches_key(owner) return PREFIX .. 'batches:' .. owner end
local function gone_key(owner, digest) return PREFIX .. 'gone:' .. owner .. ':' .. digest end
local function noise_key(engine) return PREFIX .. 'noise-key:' .. engine end
local function rq_list(queue) return a.rq .. ':queue:' .. queue end
local function rq_job(shard) return a.rq .. ':job:' .. shard end
local function shard_name(id, phase, first) return string.format('%s-%s-%d', id, phase, first) end

local function parse(shard)
  local id, phase, first = string.match(shard, '^([0-9a-z]+)%-([a-z]+)%-(%d+)$')
  return id, phase, tonumber(first)
end

local function stamp(time) return string.format('%.6f', time) end
local function count(what, times) call('HINCRBY', COUNTERS, what, times or 1) end
local function tell(id, what) call('PUBLISH', PREFIX .. 'changed:' .. id, what) end
