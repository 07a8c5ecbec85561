/*
 * ahead.pml - jobs that stand behind the one that a runner runs, and are taken
 * back: who is faster, the runner that begins a job or the supervisor that takes
 * it back (worker/fence.c, worker/child.c).
 *
 * N jobs, RUNNERS runners, one supervisor.  The jobs of a runner are numbered in
 * the order in which they went into its pipe.  A word that both change only by
 * compare-and-set holds the number of the last job begun and of the last one
 * taken back; beside it stands the number of the job that is not taken back,
 * because it is in hand: given to a runner that was idle, or next to one whose
 * outcome was read.  A runner passes over what was taken back.
 *
 * Rules (take one out with -DBREAK_...):
 *   HEAD    the job in hand is not taken back, though it may not be begun yet
 *   ORDER   its number is there before the word says what was taken back
 *   CAS     beginning is a compare-and-set on the word that was looked at
 *   BEGUN   of what was taken back, the supervisor has again only what the word
 *           says was not begun
 *   WORDS   a runner that died is judged when all that it has said was read
 *
 * RECALLS  how often jobs are taken back, at any moment.  CRASH  the first runner
 * dies at any moment; the other one goes on.
 *
 * Checked: no job is run twice, or settled twice; when nothing moves any more,
 * each is settled, by its outcome or by the death of the runner that had begun it.
 */
#ifndef N
#define N 4
#endif
#ifndef RUNNERS
#define RUNNERS 2
#endif
#ifndef RECALLS
#define RECALLS 2
#endif
#ifndef CRASH
#define CRASH 0
#endif
#ifdef BREAK_HEAD
#define KEPT(r, n) false
#else
#define KEPT(r, n) ((n) == kept[r])
#endif
#define MOST (N + RECALLS * N + 1) /* jobs that one runner can be given */

chan waiting = [N] of { byte };             /* jobs that no runner has */
chan pipe[RUNNERS] = [N + RECALLS * N] of { byte };
chan said[RUNNERS] = [N + RECALLS * N] of { byte };
byte begun[RUNNERS], recalled[RUNNERS];     /* the word */
byte kept[RUNNERS];
bool dead[RUNNERS];
byte given[RUNNERS];                        /* numbers so far */
byte hand[RUNNERS], hand_no[RUNNERS];       /* the job in hand; 0: none */
byte first[RUNNERS];                        /* the number of the first one behind it */
byte ran[N + 1], settled[N + 1];
byte job_of[RUNNERS * MOST];                /* by runner and number; 0: not this runner's any more */
byte recalls = RECALLS, crashes = CRASH;
bool over;

#define JOB(r, n) job_of[(r) * MOST + (n)]

inline settle(j)
{
        settled[j]++;
        assert(settled[j] == 1)
}

/* The next of those behind comes in hand; those that were taken back are none. */
inline advance(r)
{
        hand[r] = 0;
        hand_no[r] = 0;
        do
        :: first[r] <= given[r] && JOB(r, first[r]) == 0 -> first[r]++
        :: first[r] <= given[r] && JOB(r, first[r]) != 0 ->
                hand[r] = JOB(r, first[r]);
                hand_no[r] = first[r];
                first[r]++;
                break
        :: first[r] > given[r] -> break
        od
}

proctype runner(byte r)
{
        byte j, n, b, c;
        do
        :: dead[r] || over -> break
        :: atomic { !dead[r] && nempty(pipe[r]) -> pipe[r]?j; n++ }
again:
                atomic { b = begun[r]; c = recalled[r] }
                if
                :: n <= c && !KEPT(r, n) -> goto next
                :: else
                fi;
#ifdef BREAK_CAS
                begun[r] = n;
#else
                atomic {
                        if
                        :: begun[r] == b && recalled[r] == c && !dead[r] -> begun[r] = n
                        :: else -> goto again
                        fi
                }
#endif
                atomic {
                        if
                        :: dead[r] -> break
                        :: else
                        fi;
                        ran[j]++;
                        assert(ran[j] == 1)
                }
                atomic {
                        if
                        :: dead[r] -> break
                        :: else -> said[r]!j
                        fi
                }
next:           skip
        od
}

/* Taken back: what is behind the job in hand and not begun. */
inline take_back(r)
{
#ifndef BREAK_ORDER
        kept[r] = hand_no[r];
#endif
        atomic {
                known = begun[r];
                recalled[r] = given[r]
        }
#ifdef BREAK_ORDER
        kept[r] = hand_no[r];
#endif
        atomic {
                i = first[r];
                do
                :: i <= given[r] ->
                        if
#ifdef BREAK_BEGUN
                        :: JOB(r, i) != 0 ->
#else
                        :: JOB(r, i) != 0 && i > known ->
#endif
                                waiting!JOB(r, i);
                                JOB(r, i) = 0
                        :: else
                        fi;
                        i++
                :: else -> break
                od
        }
}

inline read_outcome(r)
{
        atomic {
                said[r]?j;
                assert(j == hand[r]);
                settle(j);
                advance(r)
        }
}

inline give(r)
{
        atomic {
                waiting?j;
                given[r]++;
                JOB(r, given[r]) = j;
                pipe[r]!j;
                if
                :: hand[r] == 0 ->
                        hand[r] = j;
                        hand_no[r] = given[r];
                        first[r] = given[r] + 1
                :: else
                fi
        }
}

/* What it had begun has crashed with it; what it had not waits for another. */
inline bury(r)
{
#ifndef BREAK_WORDS
        do
        :: nempty(said[r]) -> read_outcome(r)
        :: empty(said[r]) -> break
        od;
#endif
        atomic {
                known = begun[r];
                do
                :: hand[r] && hand_no[r] <= known -> settle(hand[r]); advance(r)
                :: hand[r] && hand_no[r] > known -> waiting!hand[r]; advance(r)
                :: !hand[r] -> break
                od
        }
}

#define CAN_GIVE(r) (nempty(waiting) && !dead[r] && given[r] < MOST - 1)
#define CAN_TAKE(r) (recalls > 0 && !dead[r] && hand[r] && first[r] <= given[r])

proctype supervisor()
{
        byte j, i, known;
        do
        :: CAN_GIVE(0) -> give(0)
        :: nempty(said[0]) -> read_outcome(0)
        :: CAN_TAKE(0) -> recalls--; take_back(0)
        :: crashes > 0 -> crashes--; dead[0] = true
        :: dead[0] && hand[0] -> bury(0)
#if RUNNERS > 1
        :: CAN_GIVE(1) -> give(1)
        :: nempty(said[1]) -> read_outcome(1)
        :: CAN_TAKE(1) -> recalls--; take_back(1)
#endif
        :: timeout ->
                i = 1;
                do
                :: i <= N -> assert(settled[i] == 1); i++
                :: i > N -> break
                od;
                over = true;
                break
        od
}

init {
        byte k = 1;
        atomic {
                do
                :: k <= N -> waiting!k; k++
                :: k > N -> break
                od;
                run supervisor();
                run runner(0);
#if RUNNERS > 1
                run runner(1)
#endif
        }
}
