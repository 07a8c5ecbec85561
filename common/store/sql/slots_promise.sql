-- First statement of a transaction that claims in slots of bodies which still run, and settles these at its end: an act
-- on their wave waits, or has been done and is seen. Tells claim_lock_many and claim_many how many slots that will
-- free; settle_completed is told the same, and fails where it frees fewer.
-- $1 wave_no   $2 slots
SELECT set_config('wavefleet.freed', p.slots, true), set_config('wavefleet.promised', p.slots, true)
  FROM (SELECT json_build_object(wave_no, $2::int)::text AS slots FROM waves
         WHERE wave_no = $1::bigint FOR KEY SHARE) p
