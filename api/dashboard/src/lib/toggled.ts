/** The chosen ones with one more, or with one less. */
export function toggled(chosen: ReadonlySet<string>, one: string, on: boolean): Set<string> {
  const next = new Set(chosen);
  if (on) next.add(one);
  else next.delete(one);
  return next;
}
