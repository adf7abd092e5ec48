"""Where tasks run: `local`, in processes on this machine."""
