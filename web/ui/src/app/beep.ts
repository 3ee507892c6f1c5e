// Two short tones that ask for attention. Browsers play them only in a page that somebody has clicked in.

let context: AudioContext | null = null;

export function beep(): void {
  try {
    context ??= new AudioContext();
    const { currentTime, destination } = context;
    void context.resume();
    [660, 880].forEach((frequency, at) => {
      const oscillator = context!.createOscillator();
      const volume = context!.createGain();
      const start = currentTime + 0.02 + at * 0.14;
      oscillator.frequency.value = frequency;
      volume.gain.setValueAtTime(0, start);
      volume.gain.linearRampToValueAtTime(0.12, start + 0.02);
      volume.gain.exponentialRampToValueAtTime(0.001, start + 0.13);
      oscillator.connect(volume).connect(destination);
      oscillator.start(start);
      oscillator.stop(start + 0.14);
    });
  } catch {
    // No sound device: the notification is there.
  }
}
