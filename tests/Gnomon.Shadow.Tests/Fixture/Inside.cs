namespace Gnomon.Shadow.Tests.Fixture;

/// <summary>A virtual CPU that runs guest code on a thread of its own: it is inside, and polls at every instruction boundary.</summary>
internal sealed class Inside : IDisposable
{
    private readonly Thread _thread;
    private volatile bool _end;

    public Inside(TranslationMailbox mailbox)
    {
        using ManualResetEventSlim entered = new();
        _thread = new Thread(() =>
        {
            mailbox.Enter();
            entered.Set();
            while (!_end)
            {
                mailbox.Poll();
                Thread.Yield();
            }

            mailbox.Leave();
        });
        _thread.Start();
        entered.Wait();
    }

    public void Dispose()
    {
        _end = true;
        _thread.Join();
    }
}
