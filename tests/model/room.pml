/*
 * room.pml - the room in a wave's window: who may claim of it, and whom he waits
 * for.  The snapshots of PostgreSQL (READ COMMITTED) and the locks of the wave's
 * row are explicit: a settlement holds it FOR KEY SHARE to its commit, a claim
 * FOR NO KEY UPDATE, an act of a person FOR UPDATE; the first two pass by each
 * other.  Everything else is one step in core.pml.
 *
 * One wave, WORKERS workers.  What runs is counted by each worker for itself
 * (claimed - released) and seen by others when it is committed.  A transaction
 * settles up to two of the worker's own, then claims up to two.
 *
 * Rules (take one out with -DBREAK_...):
 *   GUARD   a claim holds the wave FOR NO KEY UPDATE to its commit
 *   AGAIN   and adds up in a statement of its own, when it has the lock
 *   PASS    but who claims no more than he has settled needs no guard
 *   TOLD    in this transaction, not in one before
 *   SHARE   the settlement's lock is held to the commit: acts wait for it
 *   FITS    he, too, claims only what the window has room for by then
 *
 * Checked: when a claim commits, no more runs than the window holds, also where
 * that was made smaller; and nothing is claimed of a wave that is paused.
 */
#ifndef WORKERS
#define WORKERS 2
#endif
#ifndef WINDOW
#define WINDOW 2
#endif
#ifndef ROUNDS
#define ROUNDS 2
#endif

byte runs[WORKERS];                 /* committed, of each worker */
byte window = WINDOW;
bool paused;
byte sharing;                       /* FOR KEY SHARE */
bool guarded;                       /* FOR NO KEY UPDATE */
byte i, sum;

inline add_up()
{
        sum = 0;
        i = 0;
        do
        :: i < WORKERS -> sum = sum + runs[i]; i++
        :: i == WORKERS -> break
        od;
        i = 0
}

proctype worker(byte w)
{
        byte rounds = ROUNDS, settled, claimed, seen, before;
        bool locked, shared, open;
        do
        :: rounds == 0 -> break
        :: rounds > 0 ->
                rounds--;
                claimed = 0;
#ifdef BREAK_TOLD
                settled = before;
#else
                settled = 0;
#endif
                before = 0;
                /* settle */
                do
                :: before < 2 && before < runs[w] -> before++
                :: break
                od;
#ifdef BREAK_TOLD
                settled = settled + before;
#else
                settled = before;
#endif
                if
                :: before > 0 ->
#ifndef BREAK_SHARE
                        atomic { sharing++; shared = true }
#endif
                        skip
                :: before == 0
                fi;
                /* how many it was given */
                if
                :: claimed = 1
                :: claimed = 2
                :: goto commit
                fi;
#ifdef BREAK_AGAIN
                atomic { add_up(); seen = sum - before; open = !paused }
#endif
#ifdef BREAK_PASS
                if
                :: settled > 0
#else
                if
                :: claimed <= settled
#endif
                :: else ->
#ifndef BREAK_GUARD
                        atomic { !guarded -> guarded = true; locked = true }
#else
                        if
                        :: !shared -> atomic { sharing++; shared = true }
                        :: else
                        fi
#endif
                fi;
                /* the claim */
                atomic {
#ifndef BREAK_AGAIN
                        add_up();
                        seen = sum - before;
                        open = !paused;
#endif
                        sum = 0
                };
#ifdef BREAK_FITS
                if
                :: !open || (locked && window < seen + claimed) -> claimed = 0
#else
                if
                :: !open || window < seen + claimed -> claimed = 0
#endif
                :: else
                fi;
commit:         atomic {
                        assert(claimed == 0 || !paused);
                        add_up();
                        assert(claimed == 0 || sum + claimed <= window + before);
                        sum = 0;
                        runs[w] = runs[w] - before + claimed;
                        if :: shared -> sharing-- :: else fi;
                        if :: locked -> guarded = false :: else fi;
                        shared = false;
                        locked = false;
                        claimed = 0;
                        seen = 0
                }
        od
}

#define FREE (sharing == 0 && !guarded)

proctype person()
{
        if
        :: atomic { FREE -> window = 1 }
        :: true
        fi;
        if
        :: atomic { FREE -> paused = true }
        :: true
        fi
}

init {
        atomic {
                run worker(0);
                run worker(1);
#if WORKERS > 2
                run worker(2);
#endif
                run person()
        }
}
