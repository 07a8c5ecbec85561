// The providers and the routes. Each page is a file of its own that is loaded when it is first opened; that of the
// address one comes to is asked for at once, while language and session are still on their way.
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { lazy } from 'react';
import { createBrowserRouter, Navigate, RouterProvider } from 'react-router-dom';
import { ApiError } from './api/reach';
import { Frame } from './layout/frame';
import { PageError } from './layout/page-error';
import { SignInGate } from './layout/sign-in-gate';
import { ConfirmProvider } from './ui/confirm';
import { ToastProvider } from './ui/toast';

const load = {
  waves: () => import('./pages/waves'),
  wave: () => import('./pages/wave'),
  migrations: () => import('./pages/migrations'),
  migration: () => import('./pages/migration'),
  fleet: () => import('./pages/fleet'),
  dead: () => import('./pages/dead'),
  settings: () => import('./pages/settings'),
  notFound: () => import('./pages/not-found'),
};
const Waves = lazy(load.waves);
const Wave = lazy(load.wave);
const Migrations = lazy(load.migrations);
const Migration = lazy(load.migration);
const Fleet = lazy(load.fleet);
const Dead = lazy(load.dead);
const Settings = lazy(load.settings);
const NotFound = lazy(load.notFound);

const firstPages: [RegExp, () => Promise<unknown>][] = [
  [/^\/(wave)?$/, load.waves],
  [/^\/wave\/./, load.wave],
  [/^\/migrations$/, load.migrations],
  [/^\/migrations\/./, load.migration],
  [/^\/fleet$/, load.fleet],
  [/^\/dead$/, load.dead],
  [/^\/settings$/, load.settings],
];

/** A page that cannot be had now is asked for again when it is shown. */
export function loadFirstPage() {
  firstPages.find(([path]) => path.test(location.pathname))?.[1]().catch(() => undefined);
}

const router = createBrowserRouter([
  {
    element: <Frame />,
    children: [
      {
        errorElement: <PageError />,
        children: [
          { path: '/', element: <Navigate to="/wave" replace /> },
          { path: '/wave', element: <Waves /> },
          { path: '/wave/:id', element: <Wave /> },
          { path: '/migrations', element: <Migrations /> },
          { path: '/migrations/:id', element: <Migration /> },
          { path: '/fleet', element: <Fleet /> },
          { path: '/dead', element: <Dead /> },
          { path: '/settings', element: <Settings /> },
          { path: '*', element: <NotFound /> },
        ],
      },
    ],
  },
]);

const client = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 0,
      refetchOnWindowFocus: false,
      // What the API refused stays refused; what it could not do now is tried again.
      retry: (times, error) => times < 3 && error instanceof ApiError && (error.status === 0 || error.status >= 500),
      retryDelay: (times) => Math.min(1000 * 2 ** times, 5000),
    },
  },
});

export function App() {
  return (
    <QueryClientProvider client={client}>
      <ToastProvider>
        <ConfirmProvider>
          <SignInGate>
            <RouterProvider router={router} future={{ v7_startTransition: true }} />
          </SignInGate>
        </ConfirmProvider>
      </ToastProvider>
    </QueryClientProvider>
  );
}
