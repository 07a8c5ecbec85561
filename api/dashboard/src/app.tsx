// The providers and the routes. Each page is a file of its own that is loaded when it is first opened.
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { lazy } from 'react';
import { createBrowserRouter, Navigate, RouterProvider } from 'react-router-dom';
import { ApiError } from './api/client';
import { Frame } from './layout/frame';
import { PageError } from './layout/page-error';
import { SignInGate } from './layout/sign-in-gate';
import { ConfirmProvider } from './ui/confirm';
import { ToastProvider } from './ui/toast';

const Waves = lazy(() => import('./pages/waves'));
const Wave = lazy(() => import('./pages/wave'));
const Migrations = lazy(() => import('./pages/migrations'));
const Migration = lazy(() => import('./pages/migration'));
const Fleet = lazy(() => import('./pages/fleet'));
const Dead = lazy(() => import('./pages/dead'));
const Settings = lazy(() => import('./pages/settings'));
const NotFound = lazy(() => import('./pages/not-found'));

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
