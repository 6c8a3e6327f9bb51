// Preloaded into a process that should have little of its heap left.
globalThis.hog = Array.from({ length: 110 }, () => new Array(131_072).fill(1.5));
