import { useRouteError } from 'react-router-dom';
import { Problem } from '../ui/problem';

/** A page that broke, or whose file a newer build has taken away: loading again mends the latter. */
export function PageError() {
  const error = useRouteError();
  return (
    <div className="page">
      <Problem error={error} retry={() => location.reload()} />
    </div>
  );
}
