"""Where tasks run: `local`, in processes on this machine; `ray`, on a cluster."""
