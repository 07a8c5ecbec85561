/** {'./en/waves.json': …} as {waves: …}. */
export function bundle(files: Record<string, { default: object }>): Record<string, object> {
  return Object.fromEntries(
    Object.entries(files).map(([path, file]) => [path.replace(/^.*\/|\.json$/g, ''), file.default]),
  );
}
