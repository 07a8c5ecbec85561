// A log line as a person reads it. Programs write colours, titles and cursor moves for a terminal; here they
// would be noise, and marks that turn the direction of writing would show another text than was written.

/** CSI (colours, moves), OSC and the like (titles, links) with their end, and two-character sequences. */
const SEQUENCES = /\u001b\[[0-?]*[ -/]*[@-~]|\u001b[\]PX^_][^\u0007\u001b]*(?:\u0007|\u001b\\)?|\u001b[ -/]*[0-~]/g;
const STEERING = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

export const readable = (line: string) =>
  line
    .replace(SEQUENCES, '')
    .replace(/\r/g, ' ') // a progress that was written over itself
    .replace(STEERING, '\uFFFD');
