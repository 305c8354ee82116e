import { systemClock, type Clock, type FlotillaError, type Timer } from '@flotilla/kernel';

/** Something with a deadline. The wheel owns `wheelSlot` and `wheelIndex`. */
export interface Expiring {
  /** Of the wheel's clock, in monotonic milliseconds; Infinity: never. */
  readonly deadline: number;
  wheelSlot: number;
  wheelIndex: number;
  expire(): void;
  cancel(reason: FlotillaError): void;
}

/** Milliseconds; the most a deadline is noticed late. */
const tickMs = 4;
/** 1,024 slots of 4 ms: one turn is ~4 s; later deadlines stay in their slot for several turns. */
const slotCount = 1_024;
/** Ticks without an entry after which the timer stops (1 s), so that an idle process does not wake. */
const idleTicks = 250;

/**
 * Deadlines of many calls on one timer: a hashed timing wheel (Varghese and Lauck, 1987, scheme 6). Adding and removing
 * cost a push and a swap; a timer of its own for each call costs about as much as the whole call through memory.
 * Bounded by the calls under way.
 */
export class DeadlineWheel {
  readonly #clock: Clock;
  readonly #slots: Expiring[][] = Array.from({ length: slotCount }, () => []);
  #timer: Timer | undefined;
  #tick = 0;
  #size = 0;
  #idle = 0;

  constructor(clock: Clock = systemClock) {
    this.#clock = clock;
  }

  now(): number {
    return this.#clock.monotonic();
  }

  add(entry: Expiring): void {
    if (entry.deadline === Infinity) return;
    if (this.#timer === undefined) this.#start();
    // Never the slot of a tick that has passed: it would wait for a whole turn.
    const tick = Math.max(Math.ceil(entry.deadline / tickMs), this.#tick + 1);
    const slot = tick % slotCount;
    entry.wheelSlot = slot;
    entry.wheelIndex = this.#slots[slot]!.push(entry) - 1;
    this.#size += 1;
  }

  remove(entry: Expiring): void {
    if (entry.wheelSlot < 0) return;
    const slot = this.#slots[entry.wheelSlot]!;
    const last = slot.pop()!;
    if (last !== entry) {
      slot[entry.wheelIndex] = last;
      last.wheelIndex = entry.wheelIndex;
    }
    entry.wheelSlot = -1;
    this.#size -= 1;
  }

  /** Cancels everything that has a deadline: nobody would notice it any more. */
  close(reason: FlotillaError): void {
    this.#rest();
    for (const slot of this.#slots) for (const entry of [...slot]) entry.cancel(reason);
  }

  #rest(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #start(): void {
    this.#tick = Math.floor(this.now() / tickMs);
    this.#idle = 0;
    this.#timer = this.#clock.every(tickMs, () => this.#turn());
  }

  #turn(): void {
    const now = this.now();
    const target = Math.floor(now / tickMs);
    const first = Math.max(this.#tick + 1, target - slotCount + 1);
    this.#tick = target;
    for (let tick = first; tick <= target; tick += 1) this.#expire(this.#slots[tick % slotCount]!, now);
    this.#idle = this.#size === 0 ? this.#idle + 1 : 0;
    if (this.#idle > idleTicks) this.#rest();
  }

  #expire(slot: Expiring[], now: number): void {
    // Backwards, because remove() swaps the last entry in; expire() may remove others of this slot as well.
    for (let index = slot.length - 1; index >= 0; index -= 1) {
      const entry = slot[index];
      if (entry === undefined || entry.deadline > now) continue;
      this.remove(entry);
      entry.expire();
    }
  }
}
