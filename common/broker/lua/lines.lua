-- An entry of the stream `events` about log lines, where somebody asks for them.
--   KEYS  events, events:lines
--   ARGV  how many entries are kept, the entry
-- Returns 1 if it was added.
if redis.call('EXISTS', KEYS[2]) == 0 then return 0 end
local id = redis.call('XADD', KEYS[1], 'NOMKSTREAM', 'MAXLEN', '~', ARGV[1], '*', 'n', ARGV[2])
return id and 1 or 0
