// The site that a migration made, as a link that tells it nothing of where one came from.
import { ExternalLink } from 'lucide-react';

/** A domain or a whole address; only http and https become a link. */
export function address(domain: string): string | null {
  try {
    const url = new URL(/^[a-z]+:\/\//i.test(domain) ? domain : `https://${domain}`);
    return /^https?:$/.test(url.protocol) ? url.href : null;
  } catch {
    return null;
  }
}

export function Outside({ domain }: { domain: string }) {
  const href = address(domain);
  if (!href) return <span>{domain}</span>;
  return (
    <a href={href} target="_blank" rel="noreferrer noopener" className="outside">
      {domain.replace(/^https?:\/\//, '')} <ExternalLink size={13} aria-hidden />
    </a>
  );
}
