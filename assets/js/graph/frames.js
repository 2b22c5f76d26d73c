// Waiting for what Dash draws: its elements come after the callback that says that they come.

const GIVE_UP_MS = 8000;

/** Look once a frame until `ready()`, then `act()`; stop when no longer `wanted()`, or after 8 seconds. */
export function whenReady({ wanted, ready, act }) {
  const started = performance.now();
  (function look() {
    if (!wanted()) return;
    if (ready()) act();
    else if (performance.now() - started < GIVE_UP_MS) requestAnimationFrame(look);
  })();
}
